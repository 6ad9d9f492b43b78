"""The command itself: its help, its errors, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import argon as package
from argon.cli import run
from argon.cli.failures import CommandFailed
from argon.cli.main import core_build, main
from argon.scheduling.cluster import cluster_state
from tests.cli.conftest import Run
from tests.cli.processes import environment

COMMANDS = ["cluster", "node", "run", "map", "status", "explain", "bench", "simulate", "demo"]


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **kwargs: object) -> object:
        raise error

    monkeypatch.setattr(run, "parse_keywords", failing)


def test_help_lists_every_command(argon: Run) -> None:
    ran = argon("--help")
    assert ran.status == 0
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_an_example(argon: Run, name: str) -> None:
    ran = argon(name, "--help")
    assert ran.status == 0
    assert f"argon {name}" in ran.out.partition("Example")[2]


def test_no_command_shows_the_help_and_is_a_usage_error(argon: Run) -> None:
    ran = argon()
    assert ran.status == 2
    assert ran.out == ""
    assert "Commands:" in ran.err


def test_version_is_printed(argon: Run) -> None:
    assert argon("--version").out == f"argon {package.__version__} ({core_build()})\n"


@pytest.mark.parametrize(
    ("file", "build"),
    [("cluster_state.py", "pure Python"), ("cluster_state.cpython-311-x86_64-linux-gnu.so", "core compiled")],
)
def test_version_says_whether_the_core_is_compiled(
    argon: Run, monkeypatch: pytest.MonkeyPatch, file: str, build: str
) -> None:
    monkeypatch.setattr(cluster_state, "__file__", f"/site-packages/argon/scheduling/cluster/{file}")
    assert argon("--version").out.endswith(f" ({build})\n")


def test_unknown_command_suggests_one(argon: Run) -> None:
    ran = argon("clustr")
    assert ran.status == 2
    assert "cluster" in ran.err


def test_unknown_option_suggests_one(argon: Run) -> None:
    ran = argon("cluster", "--prot", "1")
    assert ran.status == 2
    assert "--port" in ran.err


def test_negative_argument_taken_for_an_option_says_how_to_write_it(argon: Run) -> None:
    ran = argon("run", "math:fabs", "-7")
    assert ran.status == 2
    assert "write --" in ran.err


def test_usage_error_is_one_line_that_names_the_help(argon: Run) -> None:
    ran = argon("run")
    assert ran.status == 2
    assert ran.err.startswith("argon: ")
    assert ran.err.count("\n") == 1
    assert "argon run --help" in ran.err


@pytest.mark.parametrize("error", [CommandFailed("it broke"), ValueError("it broke"), OSError("it broke")])
def test_error_is_one_sentence_and_exit_1(argon: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    fail_with(error, monkeypatch)
    ran = argon("run", "m:f")
    assert (ran.status, ran.out, ran.err) == (1, "", "argon: it broke\n")


def test_debug_shows_the_traceback(argon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(ValueError("it broke"), monkeypatch)
    ran = argon("run", "m:f", "--debug")
    assert ran.status == 1
    assert "Traceback" in ran.err
    assert ran.err.endswith("argon: it broke\n")


def test_interruption_is_quiet_and_exit_130(argon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(KeyboardInterrupt(), monkeypatch)
    ran = argon("run", "m:f")
    assert (ran.status, ran.out, ran.err) == (130, "", "")


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["argon", "nonsense"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_output_that_nobody_reads_is_no_crash() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "argon", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, env=environment()
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_closed_output_is_no_crash(closed: str) -> None:
    command = f"'{sys.executable}' -m argon --version {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("more", [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "1"}])
def test_help_in_a_poor_terminal_is_no_crash(more: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "argon", "bench", "--help"], capture_output=True, text=True, env=environment(**more)
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from argon.cli.main import execute; execute(['--help'])\n"
        "print([name for name in ('asyncio', 'rich', 'pydantic', 'uvloop') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[]"
