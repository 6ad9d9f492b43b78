"""Which nodes there are: counters that are right after every change, in any order."""

from __future__ import annotations

from math import inf, log
from random import Random

import pytest

from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import COOL_DOWN_S, OUTLIER_RATIO, TRUSTED_RATIO, NodeSession
from argon.scheduling.cluster.task import admitted_task
from argon.scheduling.load import ServiceTimes
from tests.support.drivers import submit


def seasoned(node: NodeSession) -> NodeSession:
    """A node of whose tasks enough have been measured to evaluate it."""
    fleet = ServiceTimes()
    for _ in range(10):
        node.note_run(admitted_task(1, 1, submit(1), 0, 0.0), 0.1, fleet, 0.0)
        node.learn(fleet, 0.0)
    return node


def fleet_of(*slowness: float, workers: int = 4) -> tuple[Membership, list[NodeSession]]:
    """Nodes that are so much slower than the fleet, as logarithms."""
    membership = Membership()
    nodes = [seasoned(NodeSession(peer, f"node-{peer}", 1, workers)) for peer, _ in enumerate(slowness)]
    for node, slow in zip(nodes, slowness, strict=True):
        membership.add(node)
        node.lately = slow
    return membership, nodes


def test_registered_node_is_found_by_peer_and_by_name() -> None:
    membership, node = Membership(), NodeSession(5, "five", 1, 2)
    membership.add(node)
    assert membership.get(5) is membership.named("five") is node
    assert membership.all() == [node]
    assert (len(membership), membership.workers, membership.open) == (1, 2, 1)
    membership.remove(node)
    assert membership.get(5) is membership.named("five") is None
    assert (len(membership), membership.workers, membership.open) == (0, 0, 0)


def test_name_in_use_cannot_be_added() -> None:
    membership = Membership()
    membership.add(NodeSession(1, "same", 1))
    with pytest.raises(AssertionError):
        membership.add(NodeSession(2, "same", 2))


def test_counters_are_right_after_any_history() -> None:
    rng, membership, peer = Random(1), Membership(), 0
    for _ in range(2000):
        nodes = membership.all()
        match rng.randrange(5):
            case 0 if len(nodes) < 8:
                peer += 1
                membership.add(seasoned(NodeSession(peer, f"node-{peer}", 1, rng.randrange(4))))
            case 1 if nodes:
                membership.remove(rng.choice(nodes))
            case 2 if nodes:
                membership.set_workers(rng.choice(nodes), rng.randrange(9))
            case 3 if nodes:
                membership.drain(rng.choice(nodes))
            case 4 if nodes:
                node = rng.choice(nodes)
                node.lately = rng.choice([0.0, 5.0])
                membership.evaluate(node, 1.0)
        open_ = [node for node in membership.all() if not node.draining]
        assert membership.workers == sum(min(1, m.workers) if m.on_probation else m.workers for m in open_)
        assert membership.open == len(open_)


def test_node_far_slower_than_the_fleet_goes_on_probation_and_rests() -> None:
    membership, (slow, _) = fleet_of(log(OUTLIER_RATIO) + 0.01, 0.0)
    membership.evaluate(slow, 10.0)
    assert slow.on_probation
    assert membership.workers == 1 + 4
    assert slow.free() == 0
    assert membership.cooled_down(10.0 + 0.99 * COOL_DOWN_S) == []
    assert membership.next_deadline() == 10.0 + COOL_DOWN_S
    assert membership.cooled_down(10.0 + COOL_DOWN_S) == [slow]
    assert membership.next_deadline() == inf
    assert slow.free() == 1, "one task at a time"
    assert not slow.has_prefetch_slot(0.001)


def test_node_somewhat_slower_keeps_its_room() -> None:
    membership, (slow, _) = fleet_of(log(OUTLIER_RATIO) - 0.01, 0.0)
    membership.evaluate(slow, 10.0)
    assert not slow.on_probation
    assert slow.free() == 4


def test_node_on_probation_is_trusted_again_only_when_it_has_come_close_to_the_fleet() -> None:
    membership, (slow, _) = fleet_of(log(OUTLIER_RATIO) + 1.0, 0.0)
    membership.evaluate(slow, 0.0)
    membership.cooled_down(COOL_DOWN_S)
    slow.lately = log(TRUSTED_RATIO) + 0.01
    membership.evaluate(slow, 2.0)
    assert slow.on_probation, "half-way is not enough"
    membership.cooled_down(2.0 + COOL_DOWN_S)
    slow.lately = log(TRUSTED_RATIO) - 0.01
    membership.evaluate(slow, 4.0)
    assert not slow.on_probation
    assert (membership.workers, slow.free()) == (8, 4)


def test_node_that_is_all_there_is_never_goes_on_probation_and_comes_off_it() -> None:
    membership, (slow, other) = fleet_of(5.0, 0.0)
    membership.evaluate(slow, 0.0)
    assert slow.on_probation
    membership.remove(other)
    assert membership.cooled_down(0.0) == [slow]
    assert not slow.on_probation
    assert membership.workers == slow.free() == 4
    membership.evaluate(slow, 0.0)
    assert not slow.on_probation


def test_nodes_on_probation_are_trusted_at_once_when_they_are_all_there_is() -> None:
    for leave in (Membership.remove, Membership.drain, lambda membership, good: membership.set_workers(good, 0)):
        membership, (slow, slower, good) = fleet_of(5.0, 6.0, 0.0)
        membership.evaluate(slow, 0.0)
        membership.evaluate(slower, 0.0)
        assert membership.cooled_down(0.1) == []
        leave(membership, good)
        assert membership.cooled_down(0.1) == [slow, slower]
        assert (membership.workers, slow.free(), slower.free()) == (8, 4, 4)
        assert membership.next_deadline() == inf


def test_last_trusted_node_is_not_put_on_probation_beside_others_that_are() -> None:
    membership, (slow, slower) = fleet_of(5.0, 6.0)
    membership.evaluate(slow, 0.0)
    membership.evaluate(slower, 0.0)
    assert (slow.on_probation, slower.on_probation) == (True, False)


def test_next_deadline_is_when_the_first_has_rested() -> None:
    membership, (slow, slower, _) = fleet_of(5.0, 5.0, 0.0)
    assert membership.next_deadline() == inf
    membership.evaluate(slow, 1.0)
    membership.evaluate(slower, 1.5)
    assert membership.next_deadline() == 1.0 + COOL_DOWN_S
    assert membership.cooled_down(1.0 + COOL_DOWN_S) == [slow]
    assert membership.next_deadline() == 1.5 + COOL_DOWN_S


def test_node_that_is_trusted_again_rests_no_longer() -> None:
    membership, (slow, _) = fleet_of(5.0, 0.0)
    membership.evaluate(slow, 0.0)
    slow.lately = 0.0
    membership.evaluate(slow, 0.5)
    assert slow.free() == 4


def test_node_that_has_left_does_not_come_back_from_its_rest() -> None:
    membership, (slow, _) = fleet_of(5.0, 0.0)
    membership.evaluate(slow, 0.0)
    membership.remove(slow)
    assert membership.cooled_down(10.0) == []
