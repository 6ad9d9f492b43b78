"""What `argon simulate` makes of its options."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from argon.cli.simulate.input import (
    DEFAULT_TASKS,
    Demand,
    chosen_rules,
    given_fleet,
    measured_cluster,
    parse_mix,
    workload,
)
from argon.planning.node_plan import NodePlan
from argon.planning.rules import RULES
from argon.settings import Priority
from tests.cli.fakes import STATUS, FakeClient

FLEET = [NodePlan(10)]


def test_fleet_is_what_is_described_or_equal_nodes() -> None:
    assert given_fleet(["2x8", "4@0.5"], None, None) == [NodePlan(8), NodePlan(8), NodePlan(4, 0.5)]
    assert given_fleet([], 2, 3) == [NodePlan(3)] * 2
    assert given_fleet([], None, None) == [NodePlan(8)] * 4


def test_fleet_has_a_limit() -> None:
    with pytest.raises(click.BadParameter, match="at most 100,000 nodes"):
        given_fleet(["100000x1", "1"], None, None)


def test_rules_are_argons_one_other_or_all() -> None:
    assert chosen_rules(None, False) == ["argon"]
    assert chosen_rules("random", False) == ["random"]
    assert chosen_rules("round robin", False) == chosen_rules("round-robin", False) == ["round robin"]
    assert chosen_rules(None, True) == RULES


def test_rate_follows_from_the_load_or_is_given() -> None:
    by_load = workload(Demand(tasks=5000, load=0.5, service="constant", service_ms=9.0), None, FLEET, 0.001, 1)
    assert by_load.at_s[-1] == pytest.approx(5000 / 500, rel=0.05)
    by_rate = workload(Demand(tasks=5000, rate=100.0), None, FLEET, 0.001, 1)
    assert by_rate.at_s[-1] == pytest.approx(50, rel=0.05)


def test_nothing_given_is_a_calm_day() -> None:
    work = workload(Demand(), None, FLEET, 0.0, 1)
    assert len(work) == DEFAULT_TASKS
    assert work.at_s[-1] == pytest.approx(DEFAULT_TASKS / 700, rel=0.05)
    assert (work.clients, work.spike, work.flood) == (1, None, None)


def test_trace_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text("at_s,service_s\n5,0.1\n6,0.2\n", "utf-8")
    assert list(workload(Demand(), file, FLEET, 0.0, 1).at_s) == [0.0, 1.0]


def test_mix_of_priorities() -> None:
    assert parse_mix("HIGH=1, min=2.5") == [(Priority.HIGH, 1.0), (Priority.MIN, 2.5)]


@pytest.mark.parametrize("text", ["", "HIGH", "HIGH=x", "HIGH=0", "URGENT=1", "HIGH=1,", "HIGH=nan"])
def test_mix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="must be"):
        parse_mix(text)


def test_measured_cluster_is_asked_for_its_numbers(
    fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [{"name": "a", "workers": 2, "in_flight": 0, "draining": False, "mean_run_s": 0.25}]
    monkeypatch.setattr(FakeClient, "status", lambda self: {**STATUS, "nodes": nodes, "queue_limit": 77})
    assert measured_cluster("here:1") == ([NodePlan(2)], 250.0, 77)
    assert (fake_client.made[-1].address, fake_client.made[-1].closed) == ("here:1", True)
