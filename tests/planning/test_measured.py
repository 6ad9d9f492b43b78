"""A running cluster's numbers as a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from argon.planning.measured import measured_fleet
from argon.planning.node_plan import capacity_per_s


def node(workers: int, mean_run_s: float, draining: bool = False) -> dict[str, Any]:
    return {"name": "n", "workers": workers, "in_flight": 0, "draining": draining, "mean_run_s": mean_run_s}


def test_speeds_are_relative_and_the_fleet_can_do_what_the_nodes_did() -> None:
    fleet, mean_s = measured_fleet({"nodes": [node(8, 0.1), node(4, 0.4)]})
    assert [plan.workers for plan in fleet] == [8, 4]
    assert fleet[0].speed == pytest.approx(4 * fleet[1].speed)
    assert capacity_per_s(fleet, mean_s, 0.0) == pytest.approx(8 / 0.1 + 4 / 0.4)


def test_node_that_has_not_run_anything_is_taken_for_an_average_one() -> None:
    fleet, mean_s = measured_fleet({"nodes": [node(2, 0.5), node(2, 0.0)]})
    assert ([plan.speed for plan in fleet], mean_s) == ([1.0, 1.0], 0.5)


def test_node_that_leaves_or_has_no_worker_is_left_out() -> None:
    fleet, _ = measured_fleet({"nodes": [node(2, 0.5), node(2, 0.5, draining=True), node(0, 0.5)]})
    assert len(fleet) == 1


@pytest.mark.parametrize("nodes", [[], [node(2, 0.0)], [node(0, 0.5)]])
def test_cluster_that_has_done_nothing_is_refused(nodes: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="nothing to plan with"):
        measured_fleet({"nodes": nodes})
