"""Two builds in turns: ratios of bursts that were measured together, and a real comparison of a build with itself."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.builds import CLIENTS, Build, main, one_start, parse_build, ratios, table
from benchmarks.stack import ROOT


def test_ratio_is_taken_within_a_burst_and_its_median_counts() -> None:
    slow_machine = {"a": {"tasks/s": 10.0}, "b": {"tasks/s": 5.0}}
    fast_machine = {"a": {"tasks/s": 1000.0}, "b": {"tasks/s": 500.0}}
    disturbed = {"a": {"tasks/s": 10.0}, "b": {"tasks/s": 100.0}}
    assert ratios([slow_machine, disturbed, fast_machine], "a") == {("b", "tasks/s"): 0.5}


def test_figure_that_the_first_build_has_as_zero_has_no_ratio() -> None:
    assert ratios([{"a": {"CPU": 0.0}, "b": {"CPU": 1.0}}], "a") == {}


def test_row_has_the_median_over_the_starts_and_its_range() -> None:
    shown = StringIO()
    Console(width=100, file=shown).print(table({("b", "Client", "tasks/s"): [1.2, 0.9, 1.0]}, "a"))
    row = next(line for line in shown.getvalue().splitlines() if "tasks/s" in line)
    assert row.split("│")[4:7] == [" 1.000  ", " 0.900 ", " 1.200 "]


def test_build_is_a_name_a_python_and_a_folder_with_benchmarks() -> None:
    assert parse_build(f"new={sys.executable},{ROOT}") == Build("new", sys.executable, ROOT)
    here = os.path.relpath(sys.executable)
    assert parse_build(f"new={here},{ROOT}").python == os.path.abspath(here), "its processes run in another folder"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "new",
        f"={sys.executable},{ROOT}",
        f"new=,{ROOT}",
        f"new={sys.executable}",
        f"new={sys.executable},/proc",
        f"new=python3.99,{ROOT}",
    ],
)
def test_build_that_is_not_all_of_that_is_an_error(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="NAME=PYTHON,ROOT"):
        parse_build(text)


@pytest.mark.parametrize(
    ("names", "options"), [("a", []), ("aa", []), ("ab", ["--starts", "0"]), ("ab", ["--turns", "0"])]
)
def test_fewer_than_two_names_or_no_start_or_turn_are_a_wrong_command_line(names: str, options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*(f"{name}={sys.executable},{ROOT}" for name in names), *options])
    assert ended.value.code == 2


def test_build_that_does_not_start_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the build broken"):
        one_start([Build("broken", sys.executable, tmp_path)], 1)


def test_build_beside_itself_has_a_ratio_of_each_figure_of_each_client() -> None:
    here = [Build(name, sys.executable, ROOT) for name in ("a", "b")]
    found = one_start(here, turns=1)
    assert {client for _, client, _ in found} == set(CLIENTS)
    assert {figure for _, _, figure in found} >= {"tasks/s", "CPU", "CPU, cluster", "CPU, client", "round trip"}
    assert all(ratio > 0 for ratio in found.values())
