"""Where a task goes: without a word of the next best, there was none."""

from __future__ import annotations

from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice, Route


def test_route_to_the_only_node_has_no_runner_up() -> None:
    route = Route(NodeSession(5, "node", 1, workers=1), Choice.FREE, 1)
    assert (route.runner_up, route.runner_up_s) == (None, 0.0)
