"""Other systems are given the same order as Argon, and what they answer is shown side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argon.cli.bench.open_loop import Ending, Sample
from argon.cli.bench.overload import OverloadPlan
from benchmarks import overload
from benchmarks.overload import Result, as_json, command_line, factor_table, main, measured, plan_of, read
from benchmarks.overload_system import SYSTEMS, lacking, submits
from benchmarks.peers.driven import Done, Driven
from benchmarks.tasks import nap
from tests.cli.overload_figures import DOUBLE, TENFOLD

TINY = OverloadPlan(factors=(3.0,), sleep_ms=20, calm_s=0.5, spike_s=0.5, recovery_limit_s=0.5)


class FakeDriven(Driven):
    """A system that answers at once, with an error if it has one."""

    name = "fake"

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error
        self.calls: list[tuple[Any, Any]] = []

    def open(self, ends: Any) -> None:
        raise AssertionError("it is not started here")

    def many(self, function: Callable[[Any], Any], arguments: Any) -> list[Any]:
        raise AssertionError("nothing is waited for here")

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        raise AssertionError("nothing is waited for here")

    def hand_over(self, function: Callable[[Any], Any], argument: Any, done: Done) -> None:
        self.calls.append((function, argument))
        done(self.error)


def test_task_of_a_system_sleeps_as_long_as_its_sample() -> None:
    subject, sample = FakeDriven(), Sample(0.0, 0.03)
    submits(subject)(sample)
    assert subject.calls == [(nap, 0.03)]
    assert sample.ending is Ending.COMPLETED


def test_error_of_a_system_counts_as_a_reject() -> None:
    sample = Sample(0.0, 0.0)
    submits(FakeDriven(RuntimeError("queue full")))(sample)
    assert (sample.ending, sample.reason) == (Ending.REJECTED, "queue full")


def test_factors_and_quick_are_in_the_plan() -> None:
    chosen = command_line(["--factors", "3", "--peers", "argon", "ppe"])
    assert (chosen.factors, chosen.peers) == ([3.0], ["argon", "ppe"])
    assert plan_of(chosen, 3.0) == OverloadPlan(factors=(3.0,))
    assert plan_of(command_line(["--quick"]), 3.0).spike_s < OverloadPlan().spike_s


def test_without_peers_all_that_can_run_here_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "lacking", lambda name: "" if name in ("argon", "ppe") else "not installed")
    assert command_line([]).peers == ["argon", "ppe"]


def test_table_has_a_column_for_each_system() -> None:
    table = factor_table(2.0, [Result("Argon", 0.98, DOUBLE), Result("another", 0.97, DOUBLE)])
    assert [column.header for column in table.columns] == ["", "Argon", "another"]
    assert "0.951" in list(table.columns[1].cells)


def test_json_has_every_figure_and_what_failed() -> None:
    found = json.loads(as_json([Result("Argon", 0.98, DOUBLE)], {"ray": "not installed"}))
    assert found["systems"][0]["figures"]["spike"]["completed"] == 4001
    assert found["failed"] == {"ray": "not installed"}


def test_system_that_fails_does_not_cost_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def measure(name: str, plan: OverloadPlan) -> Result:
        if name == "ppe":
            raise RuntimeError("it broke")
        return Result(SYSTEMS[name].title, 0.98, TENFOLD)

    monkeypatch.setattr(overload, "measured", measure)
    monkeypatch.setattr(overload, "lacking", lambda name: "")
    file = tmp_path / "found.json"
    assert main(["--peers", "ppe", "argon", "--factors", "10", "--json", str(file)]) == 1
    out = capsys.readouterr().out
    assert "ppe at 10: it broke" in out
    assert "Argon" in out
    assert [system["system"] for system in json.loads(file.read_text())["systems"]] == ["Argon"]


def test_results_of_earlier_runs_are_shown_beside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = [tmp_path / "one.json", tmp_path / "two.json", tmp_path / "both.json"]
    files[0].write_text(as_json([Result("Argon", 0.98, DOUBLE)], {}))
    files[1].write_text(as_json([Result("another", 0.97, DOUBLE), Result("another", 0.97, TENFOLD)], {}))
    assert main(["--earlier", str(files[0]), str(files[1]), "--peers", "--json", str(files[2])]) == 0
    out = capsys.readouterr().out
    assert "another" in out
    assert "10 × capacity" in out
    assert [result.system for result in read(files[2])] == ["Argon", "another", "another"]


@pytest.mark.parametrize("name", ["argon", "ppe", "gearmand-maxqueue"])
def test_live_system_is_measured_in_a_process_of_its_own(name: str) -> None:
    if reason := lacking(name):
        pytest.skip(reason)
    result = measured(name, TINY)
    assert result.system == SYSTEMS[name].title
    assert result.figures.factor == 3
    assert result.figures.spike.offered == 600
    assert result.figures.calm.completed > 0
    refused = result.figures.spike.rejected + result.figures.spike.rejected_by_client
    assert (refused > 0) == (name != "ppe")  # it has no bound
