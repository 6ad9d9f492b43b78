"""The command itself: its help, its errors, and how it ends."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from typing import NoReturn

import pytest

import argon as package
from argon.build import Build, this_build
from argon.cli import run
from argon.cli.bench.task_times import LONG_SHARE, LONG_TIMES
from argon.cli.failures import CommandFailed
from argon.cli.main import LazyCommand, app, execute, main
from argon.scheduling.cluster.admission_rule import TARGET_MIN_S
from argon.settings import DRAIN_TIMEOUT_S
from tests.cli.conftest import Run
from tests.cli.processes import environment

COMMANDS = ["cluster", "node", "run", "map", "status", "explain", "bench", "simulate", "demo", "completion"]


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **kwargs: object) -> object:
        raise error

    monkeypatch.setattr(run, "parse_keywords", failing)


def test_complaint_that_nobody_reads_leaves_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    assert execute(["run"]) == 2


def test_help_lists_every_command(argon: Run) -> None:
    ran = argon("--help")
    assert ran.status == 0
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_an_example(argon: Run, name: str) -> None:
    ran = argon(name, "--help")
    assert ran.status == 0
    assert f"argon {name}" in ran.out.partition("Example")[2]


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("cluster", f"waits up to {DRAIN_TIMEOUT_S:g} seconds"),
        ("node", f"waits up to {DRAIN_TIMEOUT_S:g} seconds"),
        ("cluster", f"at least {1000 * TARGET_MIN_S:g} ms"),
        ("bench", f"{LONG_SHARE:.0%}".replace("%", " % of the tasks take") + f" {LONG_TIMES:g} times as long"),
    ],
)
def test_help_has_the_numbers_of_the_code(argon: Run, name: str, promise: str) -> None:
    assert promise in " ".join(argon(name, "--help").out.split())


def test_no_command_shows_the_help_and_is_a_usage_error(argon: Run) -> None:
    ran = argon()
    assert ran.status == 2
    assert ran.out == ""
    assert "Commands:" in ran.err


def test_version_is_printed(argon: Run) -> None:
    out = argon("--version").out
    assert out == f"{this_build()}\n"
    assert out.startswith(f"argon {package.__version__} (")


def test_version_says_why_it_is_not_compiled(argon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argon.build.this_build", lambda: Build("no compiler", "install one"))
    assert argon("--version").out.endswith(" (pure Python, about half as fast: no compiler; install one)\n")


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


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "m:f", "--timeout"], "argon run --help"),
        (["--version=3"], "argon --help"),
        (["run", "x"], "argon run --help"),
    ],
)
def test_usage_error_names_the_help_of_the_command_that_was_called(
    argon: Run, arguments: list[str], named: str
) -> None:
    ran = argon(*arguments)
    assert ran.status == 2
    assert f"{named}')" in ran.err


def test_first_process_that_cannot_fork_says_so_in_one_sentence(argon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("argon.cli.main.leave_first_process", full)
    ran = argon("status")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "argon: [Errno 11] Resource temporarily unavailable\n"


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


# --- what a command imports -------------------------------------------------------------------------------------------


def loaded_by(*arguments: str) -> set[str]:
    """The modules in memory when a command line is done, in a process of its own."""
    script = f"import sys; from argon.cli.main import execute; execute({arguments!r}); print('loaded', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    return set(done.stdout.rpartition("loaded ")[2].split())


NOT_FOR_HELP = {
    "asyncio",
    "json",
    "msgspec",
    "uvloop",
    "cloudpickle",
    "ssl",
    "logging",
    "traceback",
    "rich",
    "pydantic",
}


def test_help_imports_no_command_and_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert "click" in loaded
    assert not loaded & NOT_FOR_HELP
    ours = {name for name in loaded if name.startswith("argon.")}
    process = {"argon.process", "argon.process.first_process"}
    command_line = {"argon.cli", "argon.cli.main", "argon.cli.failures", "argon.cli.plain_text"}
    assert ours == {*command_line, *process, "argon.errors"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_no_other_command_and_nothing_that_runs_it(name: str) -> None:
    loaded = loaded_by(name, "--help")
    assert not loaded & {"asyncio", "uvloop", "cloudpickle", "rich", "pydantic", "matplotlib"}
    modules = {f"argon.cli.{other}" for other in COMMANDS} & loaded
    assert modules == {f"argon.cli.{name}"}


def test_run_imports_nothing_that_only_other_commands_need(live_address: str) -> None:
    loaded = loaded_by("run", "--cluster", live_address, "math:hypot", "3", "4")
    assert "argon.client.client" in loaded
    assert not loaded & {"rich", "pydantic", "numpy", "cloudpickle", "argon.cli.terminal", "argon.planning.workload"}
    assert not any(name.startswith(("argon.cluster.", "argon.node.", "argon.worker.")) for name in loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_sentence_of_a_command_is_what_its_own_help_begins_with(name: str) -> None:
    command = app.commands[name]
    assert isinstance(command, LazyCommand)
    assert command.load().help is not None
    assert str(command.load().help).partition("\n")[0] == command.short_help


def test_every_option_is_explained() -> None:
    for command in app.commands.values():
        assert isinstance(command, LazyCommand)
        for parameter in command.load().params:
            assert parameter.help, f"argon {command.name}: {parameter.name} has no help"
