"""Which nodes are on probation, for how long each cools down, and that some node is always trusted."""

from __future__ import annotations

from math import inf, log

from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import NodeSession, Trust
from argon.scheduling.cluster.probation import COOL_DOWN_S, OUTLIER_RATIO, TRUSTED_RATIO, Probation


class Fleet:
    """Nodes, their sums and their probation, as the state machine uses them together."""

    def __init__(self) -> None:
        self.membership = Membership()
        self.probation = Probation()

    def evaluate(self, node: NodeSession, now: float) -> None:
        before = node.trust
        changed = self.probation.evaluate(node, self.membership.trusted, now)
        assert changed == ((node.trust == Trust.FULL) != (before == Trust.FULL))
        self.membership.recount(node)

    def end_cool_downs(self, now: float) -> list[NodeSession]:
        nodes = self.probation.end_cool_downs(self.membership.trusted, self.membership.workers, now)
        for node in nodes:
            self.membership.recount(node)
        return nodes

    def remove(self, node: NodeSession) -> None:
        self.membership.remove(node)
        self.probation.forget(node)

    def drain(self, node: NodeSession) -> None:
        self.membership.drain(node)

    def lose_workers(self, node: NodeSession) -> None:
        self.membership.set_workers(node, 0)


def fleet_of(*slowness: float, workers: int = 4) -> tuple[Fleet, list[NodeSession]]:
    """Nodes of which enough tasks have been measured to evaluate them, as slow as that lately."""
    fleet = Fleet()
    nodes = [NodeSession(peer, f"node-{peer}", 1, workers) for peer, _ in enumerate(slowness)]
    for node, slow in zip(nodes, slowness, strict=True):
        fleet.membership.add(node)
        node.times.compared, node.times.recent_slowness = 10, slow
    return fleet, nodes


def test_node_far_slower_than_the_fleet_goes_on_probation_and_cools_down() -> None:
    fleet, (slow, _) = fleet_of(log(OUTLIER_RATIO) + 0.01, 0.0)
    fleet.evaluate(slow, 10.0)
    assert slow.trust != Trust.FULL
    assert fleet.membership.workers == 1 + 4
    assert slow.free() == 0
    assert fleet.end_cool_downs(10.0 + 0.99 * COOL_DOWN_S) == []
    assert fleet.probation.next_deadline() == 10.0 + COOL_DOWN_S
    assert fleet.end_cool_downs(10.0 + COOL_DOWN_S) == [slow]
    assert fleet.probation.next_deadline() == inf
    assert slow.free() == 1, "one task at a time"
    assert not slow.has_prefetch_slot(0.001)


def test_node_somewhat_slower_keeps_its_room() -> None:
    fleet, (slow, _) = fleet_of(log(OUTLIER_RATIO) - 0.01, 0.0)
    fleet.evaluate(slow, 10.0)
    assert slow.trust == Trust.FULL
    assert slow.free() == 4


def test_node_on_probation_is_trusted_again_only_when_it_has_come_close_to_the_fleet() -> None:
    fleet, (slow, _) = fleet_of(log(OUTLIER_RATIO) + 1.0, 0.0)
    fleet.evaluate(slow, 0.0)
    fleet.end_cool_downs(COOL_DOWN_S)
    slow.times.recent_slowness = log(TRUSTED_RATIO) + 0.01
    fleet.evaluate(slow, 2.0)
    assert slow.trust != Trust.FULL, "half-way is not enough"
    fleet.end_cool_downs(2.0 + COOL_DOWN_S)
    slow.times.recent_slowness = log(TRUSTED_RATIO) - 0.01
    fleet.evaluate(slow, 4.0)
    assert slow.trust == Trust.FULL
    assert (fleet.membership.workers, slow.free()) == (8, 4)


def test_node_that_is_all_there_is_never_goes_on_probation_and_comes_off_it() -> None:
    fleet, (slow, other) = fleet_of(5.0, 0.0)
    fleet.evaluate(slow, 0.0)
    assert slow.trust != Trust.FULL
    fleet.remove(other)
    assert fleet.end_cool_downs(0.0) == [slow]
    assert slow.trust == Trust.FULL
    assert fleet.membership.workers == slow.free() == 4
    fleet.evaluate(slow, 0.0)
    assert slow.trust == Trust.FULL


def test_nodes_on_probation_are_trusted_at_once_when_they_are_all_there_is() -> None:
    for leave in (Fleet.remove, Fleet.drain, Fleet.lose_workers):
        fleet, (slow, slower, good) = fleet_of(5.0, 6.0, 0.0)
        fleet.evaluate(slow, 0.0)
        fleet.evaluate(slower, 0.0)
        assert fleet.end_cool_downs(0.1) == []
        leave(fleet, good)
        assert fleet.end_cool_downs(0.1) == [slow, slower]
        assert (fleet.membership.workers, slow.free(), slower.free()) == (8, 4, 4)
        assert fleet.probation.next_deadline() == inf


def test_last_trusted_node_is_not_put_on_probation_beside_others_that_are() -> None:
    fleet, (slow, slower) = fleet_of(5.0, 6.0)
    fleet.evaluate(slow, 0.0)
    fleet.evaluate(slower, 0.0)
    assert (slow.trust, slower.trust) == (Trust.COOL_DOWN, Trust.FULL)


def test_next_deadline_is_when_the_first_has_cooled_down() -> None:
    fleet, (slow, slower, _) = fleet_of(5.0, 5.0, 0.0)
    assert fleet.probation.next_deadline() == inf
    fleet.evaluate(slow, 1.0)
    fleet.evaluate(slower, 1.5)
    assert fleet.probation.next_deadline() == 1.0 + COOL_DOWN_S
    assert fleet.end_cool_downs(1.0 + COOL_DOWN_S) == [slow]
    assert fleet.probation.next_deadline() == 1.5 + COOL_DOWN_S


def test_node_that_is_trusted_again_cools_down_no_longer() -> None:
    fleet, (slow, _) = fleet_of(5.0, 0.0)
    fleet.evaluate(slow, 0.0)
    slow.times.recent_slowness = 0.0
    fleet.evaluate(slow, 0.5)
    assert slow.free() == 4


def test_node_that_has_left_does_not_come_back_from_its_cool_down() -> None:
    fleet, (slow, _) = fleet_of(5.0, 0.0)
    fleet.evaluate(slow, 0.0)
    fleet.remove(slow)
    assert fleet.end_cool_downs(10.0) == []


def test_node_cools_down_after_each_task_on_probation_and_no_other_does() -> None:
    fleet, (slow, good) = fleet_of(5.0, 0.0)
    fleet.evaluate(slow, 0.0)
    fleet.probation.cool_down(slow, 0.5)
    assert fleet.probation.next_deadline() == COOL_DOWN_S, "what ends meanwhile makes it no longer"
    fleet.end_cool_downs(COOL_DOWN_S)
    for node in (slow, good):
        fleet.probation.cool_down(node, 3.0)
    assert (slow.free(), good.free()) == (0, 4)
    assert fleet.end_cool_downs(3.0 + COOL_DOWN_S) == [slow]


def test_node_that_is_on_probation_again_cools_down_from_then_on() -> None:
    fleet, (slow, _) = fleet_of(5.0, 0.0)
    fleet.evaluate(slow, 0.0)
    slow.times.recent_slowness = 0.0
    fleet.evaluate(slow, 0.1)
    slow.times.recent_slowness = 5.0
    fleet.evaluate(slow, 0.2)
    assert fleet.end_cool_downs(COOL_DOWN_S) == []
    assert fleet.end_cool_downs(0.2 + COOL_DOWN_S) == [slow]
