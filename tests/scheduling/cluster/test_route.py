"""A route is a plain record: it is compared and shown field by field."""

from __future__ import annotations

from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice, Route


def test_route_without_a_runner_up_has_none() -> None:
    node = NodeSession(1, "node", 1)
    assert Route(node, Choice.FREE, 1).fields() == {
        "node": node,
        "why": Choice.FREE,
        "free_nodes": 1,
        "runner_up": None,
        "runner_up_s": 0.0,
    }


def test_routes_differ_by_why_and_by_the_runner_up() -> None:
    node, other = NodeSession(1, "node", 1), NodeSession(2, "other", 1)
    assert Route(node, Choice.FREE, 2, other, 1.0) == Route(node, Choice.FREE, 2, other, 1.0)
    assert Route(node, Choice.FREE, 2, other, 1.0) != Route(node, Choice.FASTER, 2, other, 1.0)
    assert Route(node, Choice.FREE, 2, other, 1.0) != Route(node, Choice.FREE, 2)
