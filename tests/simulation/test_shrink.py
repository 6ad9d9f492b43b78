"""What is left of a scenario under which a promise breaks, and the scenarios that once broke one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.node_mutants import dead_worker_is_not_replaced
from tests.simulation.plan import Plan, plan_of
from tests.simulation.scenario import carry_out
from tests.simulation.shrink import ATTEMPTS, LEAST, breaks, load, save, shrink

REGRESS = Path(__file__).parent / "regress"


@pytest.mark.parametrize("path", sorted(REGRESS.glob("*.json")), ids=lambda path: path.stem)
def test_scenario_that_once_broke_a_promise_keeps_it(path: Path) -> None:
    carry_out(load(path))


def test_everything_that_does_not_matter_is_left_out() -> None:
    plan = replace(plan_of(3), faults=["cut", "pause", "cancels"], nodes=3, tasks=100, seconds=6.0)
    least = shrink(plan, lambda smaller: "pause" in smaller.faults and smaller.tasks >= 7 and smaller.nodes >= 2)
    assert (least.faults, least.tasks, least.nodes) == (["pause"], 7, 3)
    assert least.seconds <= 0.1
    assert {name: getattr(least, name) for name in LEAST if name != "nodes"} == {
        name: value for name, value in LEAST.items() if name != "nodes"
    }


def test_shrinking_ends_although_everything_breaks_and_when_nothing_smaller_does() -> None:
    tried: list[Plan] = []

    def never(plan: Plan) -> bool:
        tried.append(plan)
        return False

    assert shrink(plan_of(3), never) == plan_of(3)
    assert len(tried) < ATTEMPTS
    assert shrink(plan_of(3), lambda _: True).tasks == 1


def test_living_through_a_plan_leaves_it_as_it_is() -> None:
    plan = next(plan for plan in map(plan_of, range(100)) if plan.failed_starts)
    before = replace(plan)
    carry_out(plan)
    assert plan == before


@pytest.mark.replaces_parts
def test_scenario_in_which_a_mutant_is_noticed_shrinks_to_what_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    dead_worker_is_not_replaced(monkeypatch)
    plan = plan_of(5)
    least = shrink(plan)
    assert breaks(least)
    assert least.faults == ["worker deaths"]
    assert least.tasks < plan.tasks


def test_saved_plan_is_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    plan = plan_of(11)
    path = save(plan, tmp_path)
    assert path.name == "seed-11.json"
    assert load(path) == plan
