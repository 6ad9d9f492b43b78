"""What is typed after `argon bench --overload` is in the plan, and does not pass unnoticed elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import pytest

from argon.cli.bench import overload_picture
from argon.cli.bench.overload import OverloadPlan
from argon.cli.bench.overload_options import GivenOverload, parse_distribution, picture_file
from argon.cli.bench.task_times import Distribution
from argon.cli.failures import CommandFailed
from tests.cli.overload_figures import MEASURED

NOTHING = GivenOverload((), None, None, None, None, None, None)


def test_nothing_given_is_the_default_plan() -> None:
    assert NOTHING.plan() == OverloadPlan()
    assert NOTHING.plan(sleep_ms=None, clients=1) == OverloadPlan()


def test_what_is_given_is_in_the_plan() -> None:
    given = GivenOverload([3.0, 4.0], 1.5, 2.5, 100, 200, Distribution.BIMODAL, Path("x.png"))
    assert given.plan(sleep_ms=7, clients=2, size_bytes=9) == OverloadPlan(
        factors=(3.0, 4.0),
        sleep_ms=7,
        calm_s=1.5,
        spike_s=2.5,
        slo_ms=100,
        timeout_ms=200,
        clients=2,
        size_bytes=9,
        distribution=Distribution.BIMODAL,
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (replace(NOTHING, factors=[2.0]), "FACTOR"),
        (replace(NOTHING, spike_s=1.0), "--spike-s"),
        (replace(NOTHING, plot=Path("x.png")), "--plot"),
    ],
)
def test_option_without_overload_is_a_usage_error(given: GivenOverload, named: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        given.refuse()
    assert refused.value.param_hint == named


def test_no_option_without_overload_is_no_error() -> None:
    NOTHING.refuse()


def test_distribution_is_read_by_its_name() -> None:
    assert parse_distribution("pareto") is Distribution.PARETO
    with pytest.raises(click.BadParameter, match="lognormal"):
        parse_distribution("normal")


def test_picture_is_a_png_in_a_directory_that_is_there(tmp_path: Path) -> None:
    assert picture_file(tmp_path / "x.png") == tmp_path / "x.png"
    for refused in ("x.svg", "/nowhere/at/all/x.png"):
        with pytest.raises(click.BadParameter):
            picture_file(refused)


def test_picture_is_drawn_only_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(overload_picture, "drawing_library", lambda: None)
    monkeypatch.setattr(overload_picture, "draw", lambda library, measured, file: drawn.append(file))
    NOTHING.picture()(MEASURED)
    assert drawn == []
    replace(NOTHING, plot=tmp_path / "x.png").picture()(MEASURED)
    assert drawn == [tmp_path / "x.png"]


def test_missing_library_is_told_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise CommandFailed("--plot needs matplotlib")

    monkeypatch.setattr(overload_picture, "drawing_library", missing)
    with pytest.raises(CommandFailed):
        replace(NOTHING, plot=Path("x.png")).picture()
