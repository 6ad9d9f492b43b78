"""A mixed fleet: what it can do, how its tasks know their node, and by which rule its cluster chooses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import fleet_tasks, scenario_fleet
from benchmarks.routed_cluster import OWN, RULES_MODULE, routed_cluster, rules
from benchmarks.scenario import Plan
from benchmarks.scenario_fleet import NODES, TASK_S, capacity_per_s


def test_capacity_counts_workers_by_their_pace() -> None:
    assert set(NODES) == {"one", "two", "slow", "small", "slowed"}
    assert capacity_per_s(slowed=False) == pytest.approx((10 + 10 + 10 / 4 + 1 + 10) / TASK_S)
    assert capacity_per_s(slowed=True) == pytest.approx((10 + 10 + 10 / 4 + 1 + 1) / TASK_S)


def test_task_sleeps_at_the_pace_of_its_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slept: list[float] = []
    monkeypatch.setattr(fleet_tasks.time, "sleep", slept.append)
    assert fleet_tasks.fleet_nap(0.5) == 0.5
    monkeypatch.setattr(fleet_tasks, "PACE", 4.0)
    monkeypatch.setattr(fleet_tasks, "SLOWED_FILE", str(tmp_path / "slowed"))
    fleet_tasks.fleet_nap(0.5)
    (tmp_path / "slowed").touch()
    fleet_tasks.fleet_nap(0.5)
    assert slept == [0.5, 2.0, 20.0]


class FirstOfAll:
    """A rule of the pretended module."""

    def __init__(self, *rng: object) -> None:
        """Takes what any rule takes."""


def test_rules_of_the_simulator_are_compared_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(RULES_MODULE)
    module.__dict__.update(
        dict.fromkeys(("RoundRobin", "AnyNode", "TwoChoices", "LeastLoaded", "Original"), FirstOfAll)
    )
    monkeypatch.setitem(sys.modules, RULES_MODULE, module)
    assert list(rules()) == [OWN, "round robin", "random", "two choices", "least loaded", "original"]
    for rule in rules():
        state = routed_cluster(rule)._shell.state
        assert type(state._router._rule) is (type(None) if rule == OWN else FirstOfAll)
        assert state._router.fleet is state._fleet is state._admission._fleet


def test_without_the_simulator_there_is_the_clusters_own_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, RULES_MODULE, None)
    assert list(rules()) == [OWN]


def test_every_rule_is_measured_on_a_fleet_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    fleets: list[str] = []

    @contextmanager
    def fleet(rule: str) -> Iterator[tuple[str, str, Path]]:
        fleets.append(rule)
        yield rule, "token", Path("slowed")

    async def measured(address: str, token: str, slowed_file: Path, rule: str, plan: Plan) -> list[dict[str, str]]:
        return [{"rule": rule}]

    monkeypatch.setattr(scenario_fleet, "rules", lambda: {"one": FirstOfAll, "two": FirstOfAll})
    monkeypatch.setattr(scenario_fleet, "fleet", fleet)
    monkeypatch.setattr(scenario_fleet, "measured", measured)
    assert scenario_fleet.mixed_fleet(Plan()) == [{"rule": "one"}, {"rule": "two"}]
    assert fleets == ["one", "two"]
