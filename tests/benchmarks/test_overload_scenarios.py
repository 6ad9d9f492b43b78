"""The scenarios are found by their names, and their rows are shown as tables and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import overload_scenarios
from benchmarks.overload_scenarios import QUICK_SHARE, SCENARIOS, command_line, main, table
from benchmarks.scenario import Plan, Row, Scenario


def test_scenario_runs_by_its_name_and_its_rows_are_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plans: list[Plan] = []

    def measure(plan: Plan) -> list[Row]:
        plans.append(plan)
        return [{"client": "polite", "p99_ms": 12.3}]

    monkeypatch.setitem(overload_scenarios.SCENARIOS, "flooder", Scenario("a flood", measure))
    file = tmp_path / "found.json"
    assert main(["flooder", "--quick", "--json", str(file)]) == 0
    assert plans == [Plan(QUICK_SHARE)]
    assert "a flood" in capsys.readouterr().out
    assert json.loads(file.read_text())["scenarios"] == {"flooder": [{"client": "polite", "p99_ms": 12.3}]}


def test_unknown_scenario_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line(["flood"])
    assert ended.value.code == 2
    assert ", ".join(SCENARIOS) in capsys.readouterr().err


def test_table_has_a_line_for_each_row() -> None:
    shown = table("title", [{"client": "a", "p99_ms": None}, {"client": "b", "p99_ms": 1234.5}])
    assert [column.header for column in shown.columns] == ["client", "p99 ms"]
    assert list(shown.columns[1].cells) == ["–", "1,234.5"]
