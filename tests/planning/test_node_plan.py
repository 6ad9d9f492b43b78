"""Nodes as people write them."""

from __future__ import annotations

from math import inf

import pytest

from argon.planning.node_plan import NodePlan, capacity_per_s, parse_nodes


@pytest.mark.parametrize(
    ("text", "fleet"),
    [
        ("8", [NodePlan(8)]),
        ("3x2", [NodePlan(2)] * 3),
        ("8@0.25", [NodePlan(8, 0.25)]),
        ("8@1:0.1@30", [NodePlan(8, 1.0, 0.1, 30.0)]),
        ("2x8@.5:2@1.5", [NodePlan(8, 0.5, 2.0, 1.5)] * 2),
    ],
)
def test_nodes_are_what_is_written(text: str, fleet: list[NodePlan]) -> None:
    assert parse_nodes(text) == fleet


@pytest.mark.parametrize(
    "text",
    ["", "x", "0", "9999", "0x8", "8@", "8@0", "8@1e9", "8@1:0.1", "8@1@30", "-1", "8@..", "200000x1", "8@1:0@3"],
)
def test_what_is_no_node_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"has the form|there must be|a speed must be|is not a number"):
        parse_nodes(text)


def test_node_turns_at_its_moment() -> None:
    plan = NodePlan(8, 1.0, 0.1, 30.0)
    assert [plan.speed_at(moment) for moment in (0.0, 29.9, 30.0, inf)] == [1.0, 1.0, 0.1, 0.1]
    assert NodePlan(8, 2.0).speed_at(1e9) == 2.0


def test_capacity_counts_speed_and_overhead() -> None:
    assert capacity_per_s([NodePlan(8), NodePlan(4, 0.5)], 0.1, 0.0) == pytest.approx(80 + 20)
    assert capacity_per_s([NodePlan(8)], 0.1, 0.1) == pytest.approx(40)
