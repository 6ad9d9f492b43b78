"""Which nodes there are: counters that are right after every change, in any order."""

from __future__ import annotations

from math import inf, log
from random import Random

import pytest

from argon.scheduling.cluster.member import GREY_RATIO, REST_S, TRUSTED_RATIO, Member
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.task import admitted_task
from argon.scheduling.load import ServiceTimes
from tests.support.drivers import submit


def seasoned(member: Member) -> Member:
    """A node of whose tasks enough have been measured to judge it."""
    fleet = ServiceTimes()
    for _ in range(10):
        member.note_run(admitted_task(1, 1, submit(1), 0, 0.0), 0.1, fleet, 0.0)
        member.learn(fleet, 0.0)
    return member


def fleet_of(*slowness: float, workers: int = 4) -> tuple[Membership, list[Member]]:
    """Nodes that are so much slower than the fleet, as logarithms."""
    nodes = Membership()
    members = [seasoned(Member(peer, f"node-{peer}", 1, workers)) for peer, _ in enumerate(slowness)]
    for member, slow in zip(members, slowness, strict=True):
        nodes.add(member)
        member.lately = slow
    return nodes, members


def test_registered_node_is_found_by_peer_and_by_name() -> None:
    nodes, node = Membership(), Member(5, "five", 1, 2)
    nodes.add(node)
    assert nodes.get(5) is nodes.named("five") is node
    assert nodes.all() == [node]
    assert (len(nodes), nodes.workers, nodes.open) == (1, 2, 1)
    nodes.remove(node)
    assert nodes.get(5) is nodes.named("five") is None
    assert (len(nodes), nodes.workers, nodes.open) == (0, 0, 0)


def test_name_in_use_cannot_be_added() -> None:
    nodes = Membership()
    nodes.add(Member(1, "same", 1))
    with pytest.raises(AssertionError):
        nodes.add(Member(2, "same", 2))


def test_counters_are_right_after_any_history() -> None:
    rng, nodes, peer = Random(1), Membership(), 0
    for _ in range(2000):
        members = nodes.all()
        match rng.randrange(5):
            case 0 if len(members) < 8:
                peer += 1
                nodes.add(seasoned(Member(peer, f"node-{peer}", 1, rng.randrange(4))))
            case 1 if members:
                nodes.remove(rng.choice(members))
            case 2 if members:
                nodes.set_workers(rng.choice(members), rng.randrange(9))
            case 3 if members:
                nodes.drain(rng.choice(members))
            case 4 if members:
                member = rng.choice(members)
                member.lately = rng.choice([0.0, 5.0])
                nodes.judge(member, 1.0)
        open_ = [member for member in nodes.all() if not member.draining]
        assert nodes.workers == sum(min(1, m.workers) if m.grey else m.workers for m in open_)
        assert nodes.open == len(open_)


def test_node_far_slower_than_the_fleet_goes_on_probation_and_rests() -> None:
    nodes, (slow, _) = fleet_of(log(GREY_RATIO) + 0.01, 0.0)
    nodes.judge(slow, 10.0)
    assert slow.grey
    assert nodes.workers == 1 + 4
    assert slow.free() == 0
    assert nodes.rested(10.0 + 0.99 * REST_S) == []
    assert nodes.next_deadline() == 10.0 + REST_S
    assert nodes.rested(10.0 + REST_S) == [slow]
    assert nodes.next_deadline() == inf
    assert slow.free() == 1, "one task at a time"
    assert not slow.has_room_ahead(0.001)


def test_node_somewhat_slower_keeps_its_room() -> None:
    nodes, (slow, _) = fleet_of(log(GREY_RATIO) - 0.01, 0.0)
    nodes.judge(slow, 10.0)
    assert not slow.grey
    assert slow.free() == 4


def test_node_on_probation_is_trusted_again_only_when_it_has_come_close_to_the_fleet() -> None:
    nodes, (slow, _) = fleet_of(log(GREY_RATIO) + 1.0, 0.0)
    nodes.judge(slow, 0.0)
    nodes.rested(REST_S)
    slow.lately = log(TRUSTED_RATIO) + 0.01
    nodes.judge(slow, 2.0)
    assert slow.grey, "half-way is not enough"
    nodes.rested(2.0 + REST_S)
    slow.lately = log(TRUSTED_RATIO) - 0.01
    nodes.judge(slow, 4.0)
    assert not slow.grey
    assert (nodes.workers, slow.free()) == (8, 4)


def test_node_that_is_all_there_is_never_goes_on_probation_and_comes_off_it() -> None:
    nodes, (slow, other) = fleet_of(5.0, 0.0)
    nodes.judge(slow, 0.0)
    assert slow.grey
    nodes.remove(other)
    assert nodes.rested(0.0) == [slow]
    assert not slow.grey
    assert nodes.workers == slow.free() == 4
    nodes.judge(slow, 0.0)
    assert not slow.grey


def test_nodes_on_probation_are_trusted_at_once_when_they_are_all_there_is() -> None:
    for leave in (Membership.remove, Membership.drain, lambda nodes, good: nodes.set_workers(good, 0)):
        nodes, (slow, slower, good) = fleet_of(5.0, 6.0, 0.0)
        nodes.judge(slow, 0.0)
        nodes.judge(slower, 0.0)
        assert nodes.rested(0.1) == []
        leave(nodes, good)
        assert nodes.rested(0.1) == [slow, slower]
        assert (nodes.workers, slow.free(), slower.free()) == (8, 4, 4)
        assert nodes.next_deadline() == inf


def test_last_trusted_node_is_not_put_on_probation_beside_others_that_are() -> None:
    nodes, (slow, slower) = fleet_of(5.0, 6.0)
    nodes.judge(slow, 0.0)
    nodes.judge(slower, 0.0)
    assert (slow.grey, slower.grey) == (True, False)


def test_next_deadline_is_when_the_first_has_rested() -> None:
    nodes, (slow, slower, _) = fleet_of(5.0, 5.0, 0.0)
    assert nodes.next_deadline() == inf
    nodes.judge(slow, 1.0)
    nodes.judge(slower, 1.5)
    assert nodes.next_deadline() == 1.0 + REST_S
    assert nodes.rested(1.0 + REST_S) == [slow]
    assert nodes.next_deadline() == 1.5 + REST_S


def test_node_that_is_trusted_again_rests_no_longer() -> None:
    nodes, (slow, _) = fleet_of(5.0, 0.0)
    nodes.judge(slow, 0.0)
    slow.lately = 0.0
    nodes.judge(slow, 0.5)
    assert slow.free() == 4


def test_node_that_has_left_does_not_come_back_from_its_rest() -> None:
    nodes, (slow, _) = fleet_of(5.0, 0.0)
    nodes.judge(slow, 0.0)
    nodes.remove(slow)
    assert nodes.rested(10.0) == []
