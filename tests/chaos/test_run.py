"""A run that goes wrong is told as a failure, and ends what it has started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import run
from tests.chaos.run import Plan, carry_out
from tests.chaos.stage import Stage
from tests.support.network import ProcessNetwork

PLAN = Plan(seed=3, seconds=1.0, kinds=("reset",))


def gone_cluster(stage: Stage, *_: object) -> None:
    stage.cluster.end()
    stage.network.client(stage.cluster)


def interrupted(stage: Stage, *_: object) -> None:
    stage.start_drivers(60.0)
    raise KeyboardInterrupt


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[ProcessNetwork]:
    """Every network that a run makes."""
    made: list[ProcessNetwork] = []

    class Noted(ProcessNetwork):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            made.append(self)

    monkeypatch.setattr("tests.chaos.stage.ProcessNetwork", Noted)
    return made


def test_cluster_that_ends_by_itself_fails_the_run(
    tmp_path: Path, networks: list[ProcessNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_live", gone_cluster)
    report = carry_out(PLAN, tmp_path, lambda line: None)
    assert report.word == "FAILED"
    assert "cluster has ended by itself, with -9" in report.complaints
    assert any("ConnectionFailed" in complaint for complaint in report.complaints)
    assert [network.processes() for network in networks] == [{}]


def test_interrupted_run_leaves_nothing_behind(
    tmp_path: Path, networks: list[ProcessNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_live", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carry_out(PLAN, tmp_path, lambda line: None)
    assert [network.processes() for network in networks] == [{}]


def test_run_in_which_nothing_happened_is_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_live", lambda *_: None)
    report = carry_out(PLAN, tmp_path, lambda line: None)
    assert (report.word, report.shortcomings) == (
        "INVALID",
        ["the fault 'reset' never fired", "only 0 tasks completed; 5 are wanted"],
    )
