"""Which nodes there are: counters that are right after every change, in any order."""

from __future__ import annotations

from random import Random

import pytest

from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import NodeSession, Trust


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
                membership.add(NodeSession(peer, f"node-{peer}", 1, rng.randrange(4)))
            case 1 if nodes:
                membership.remove(rng.choice(nodes))
            case 2 if nodes:
                membership.set_workers(rng.choice(nodes), rng.randrange(9))
            case 3 if nodes:
                membership.drain(rng.choice(nodes))
            case 4 if nodes:
                node = rng.choice(nodes)
                node.trust = rng.choice([Trust.FULL, Trust.PROBATION, Trust.COOL_DOWN])
                membership.recount(node)
        open_ = [node for node in membership.all() if not node.draining]
        trusted = sum(node.workers for node in open_ if node.trust == Trust.FULL)
        assert membership.trusted == trusted
        assert membership.workers == trusted + sum(min(1, node.workers) for node in open_ if node.trust != Trust.FULL)
        assert membership.open == len(open_)
