"""Which nodes there are: counters that are right after every change, in any order."""

from __future__ import annotations

from random import Random

import pytest

from argon.scheduling.member import Member
from argon.scheduling.membership import Membership


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
        match rng.randrange(4):
            case 0 if len(members) < 8:
                peer += 1
                nodes.add(Member(peer, f"node-{peer}", 1, rng.randrange(4)))
            case 1 if members:
                nodes.remove(rng.choice(members))
            case 2 if members:
                nodes.set_workers(rng.choice(members), rng.randrange(9))
            case 3 if members:
                nodes.drain(rng.choice(members))
        open_ = [member for member in nodes.all() if not member.draining]
        assert nodes.workers == sum(member.workers for member in open_)
        assert nodes.open == len(open_)
