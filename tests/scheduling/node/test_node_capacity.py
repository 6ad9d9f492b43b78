"""What a node starts with, and what it says of itself: its name, its workers, how busy its machine is."""

from __future__ import annotations

from argon.protocol.messages import Capacity, Register
from argon.scheduling.effects import AssignWorker, Spawn
from tests.support.drivers import NodeDriver, ready_node


def test_start_spawns_the_workers() -> None:
    assert [effect.worker for effect in NodeDriver(3, connect=False).all(Spawn)] == [1, 2, 3]


def test_start_with_max_requests_spawns_one_spare() -> None:
    assert len(NodeDriver(3, connect=False, max_requests=10).all(Spawn)) == 4


def test_welcome_is_answered_with_who_it_is_and_how_many_workers_are_ready() -> None:
    node = NodeDriver(3, connect=False)
    node.ready(1, 2)
    node.connect()
    assert node.said(Register) == [Register("here", 1)]
    assert node.said(Capacity) == [Capacity(2)]
    node.ready(3)
    assert node.said(Capacity) == [Capacity(2), Capacity(3)]


def test_busy_machine_is_reported_with_the_workers_when_it_has_become_so() -> None:
    node = ready_node(2)
    reported = len(node.said(Capacity))
    node.did(node.state.pressed(0.05))
    assert len(node.said(Capacity)) == reported
    node.did(node.state.pressed(0.6))
    assert node.said(Capacity)[reported:] == [Capacity(2, 0.6)]


def test_busy_machine_is_reported_to_nobody_while_there_is_no_cluster_and_then_at_once() -> None:
    node = ready_node(1)
    node.lose()
    assert node.did(node.state.pressed(0.6)) == []
    node.connect(peer=2)
    assert node.said(Capacity)[-1] == Capacity(1, 0.6)


def test_spare_worker_is_no_capacity() -> None:
    node = ready_node(2, max_requests=5)
    assert node.said(Capacity)[-1] == Capacity(2)
    node.assign(1)
    node.assign(2)
    node.assign(3)
    assert len(node.all(AssignWorker)) == 2, "the spare one waits for its time"


def test_capacity_is_reported_again_to_a_new_connection() -> None:
    node = ready_node(2)
    node.lose()
    node.connect(peer=2)
    assert node.said(Capacity)[-1] == Capacity(2)
    assert len(node.said(Register)) == 2


def test_worker_ready_twice_or_unknown_changes_nothing() -> None:
    node = ready_node()
    assert node.ready(1) == []
    assert node.ready(99) == []


def test_ready_workers_is_the_capacity() -> None:
    node = ready_node(3)
    assert node.state.ready_workers() == 3
    node.die(1)
    assert node.state.ready_workers() == 2
