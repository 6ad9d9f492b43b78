"""The suite runs from its command line, on a real cluster beside real peers, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.subject import Figure

ROOT = Path(__file__).resolve().parents[2]


def suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=50
    )


def test_a_quick_run_measures_and_writes_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    run = suite("--quick", "--rounds", "1", "--only", "round-trip", "--json", str(file))
    assert run.returncode == 0, run.stderr
    found = json.loads(file.read_text())
    assert found["failed"] == {}
    assert found["rounds"] == 1
    medians = {figure["what"]: figure["median"] for figure in found["figures"]}
    assert medians.keys() >= {"AsyncClient, p50", "Client, p99", "Executor, p50", "null relay, p50"}
    assert all(value > 0 for value in medians.values())
    assert "AsyncClient / null relay, p50" in run.stdout


def test_the_areas_and_peers_are_listed_without_measuring() -> None:
    run = suite("--list")
    assert run.returncode == 0
    assert all(area in run.stdout for area in command.AREAS)
    assert "peer ppe, always measured: available" in run.stdout


@pytest.mark.parametrize("wrong", [["--only", "nonsense"], ["--peers", "nonsense"], ["--rounds", "0"]])
def test_a_wrong_command_line_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.command_line(wrong)
    assert refused.value.code == 2


def test_the_usual_run_has_all_areas_and_five_rounds() -> None:
    chosen = command.command_line([])
    assert (chosen.only, chosen.rounds, chosen.peers) == (command.AREAS, 5, [])
    assert command.command_line(["--quick"]).rounds == 2


def test_the_peers_alone_are_all_of_them() -> None:
    assert command.command_line(["--only", "peers"]).peers == ["all"]
    assert not {"ppe", "gearmand"} & {*command.further_peers(["all"])}


def test_a_run_that_is_not_to_be_quoted_says_so() -> None:
    assert command.warnings(command.command_line([])) == []
    assert len(command.warnings(command.command_line(["--quick"]))) == 2


def fails() -> list[Figure]:
    raise ValueError("broken")


def test_an_area_that_fails_costs_no_other_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure("scale", "a", "us", (1.0,))
    steps = {"rejects": lambda count, quick: fails(), "scale": lambda count, quick: [figure]}
    monkeypatch.setattr(command, "ALONE", steps)
    run = command.Run(Console(stderr=True, quiet=True))
    run.alone(["rejects", "scale"], 1, True)
    assert (run.figures, run.failed) == ([figure], {"rejects": "broken"})


def test_a_peer_that_is_not_here_is_noted_and_fails_the_run_if_it_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PEERS", {"ppe": None, "gearmand": None, "lacking": None})
    monkeypatch.setattr(command, "available", lambda name: "" if name == "ppe" else "not installed")
    monkeypatch.setattr(command, "AREAS", ())
    noted = command.measured(command.command_line(["--peers", "all"]), Console(quiet=True))
    assert noted.failed == {}
    assert noted.notes == ["not measured: gearmand: not installed", "not measured: lacking: not installed"]
    named = command.measured(command.command_line(["--peers", "lacking"]), Console(quiet=True))
    assert named.failed == {"lacking": "not installed"}
    assert named.notes == ["not measured: gearmand: not installed"]
