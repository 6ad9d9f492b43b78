"""`argon run` runs one task and prints what it returned."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from argon.errors import Rejected
from argon.settings import Priority
from tests.cli.conftest import Run
from tests.cli.fakes import FakeClient
from tests.cli.processes import marked


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["math:hypot", "3", "4"], "5.0"),
        (["operator:add", "[1]", '["b"]'], '[1, "b"]'),
        (["operator:concat", "left", "right"], '"leftright"'),
        (["builtins:dict", "--kw", "a=1", "--kw", "b=text"], '{"a": 1, "b": "text"}'),
        (["builtins:set", "[1]"], "{1}"),
        (["math:fabs", "--", "-7"], "7.0"),
    ],
)
def test_result_is_printed(argon: Run, fake_client: type[FakeClient], arguments: list[str], printed: str) -> None:
    ran = argon("run", *arguments)
    assert (ran.status, ran.out, ran.err) == (0, printed + "\n", "")


def test_task_id_is_printed_beside_the_result_when_asked_for(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("run", "--task-id", "math:sqrt", "4")
    assert (ran.status, ran.out, ran.err) == (0, "2.0\n", "argon: task 3.17\n")


def test_task_id_of_a_task_that_fails_is_printed_too(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("run", "--task-id", "math:sqrt", "--", "-4")
    assert ran.status == 1
    assert ran.err.startswith("argon: task 3.17\nargon: math:sqrt raised ValueError")


def test_cluster_is_the_default_without_a_word(argon: Run, fake_client: type[FakeClient]) -> None:
    argon("run", "math:sqrt", "4")
    assert fake_client.made[0].address == "localhost:8000"


def test_cluster_is_that_of_the_environment(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGON_CLUSTER", "elsewhere:9000")
    argon("run", "math:sqrt", "4")
    assert fake_client.made[0].address == "elsewhere:9000"


def test_cluster_option_wins_over_the_environment(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGON_CLUSTER", "elsewhere:9000")
    argon("run", "math:sqrt", "4", "--cluster", "here:1")
    assert fake_client.made[0].address == "here:1"


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--timeout", "2.5"], "timeout", 2.5),
        (["--priority", "low"], "priority", Priority.LOW),
        (["--retries", "0"], "retries", 0),
    ],
)
def test_option_goes_with_the_task(
    argon: Run, fake_client: type[FakeClient], arguments: list[str], option: str, value: object
) -> None:
    argon("run", *arguments, "math:sqrt", "4")
    assert fake_client.made[-1].options[option] == value


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--priority", "urgent"], ["--retries", "-1"]])
def test_option_out_of_range_is_a_usage_error(argon: Run, fake_client: type[FakeClient], arguments: list[str]) -> None:
    ran = argon("run", *arguments, "math:sqrt", "4")
    assert ran.status == 2
    assert arguments[0] in ran.err


def test_exception_of_the_task_is_one_sentence(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("run", "math:sqrt", "text")
    assert ran.status == 1
    assert ran.err.startswith("argon: math:sqrt raised TypeError: ")
    assert ran.err.count("\n") == 1


def test_exception_of_the_task_with_debug_has_its_traceback(argon: Run, fake_client: type[FakeClient]) -> None:
    ran = argon("run", "--debug", "math:sqrt", "text")
    assert ran.status == 1
    assert "\nTypeError: " in ran.err
    assert ran.err.splitlines()[-1].startswith("argon: math:sqrt raised TypeError: ")


def test_rejection_is_what_argon_says(
    argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(self: FakeClient, function: object, *args: object) -> object:
        raise Rejected("the queue is full")

    monkeypatch.setattr(FakeClient, "run", reject)
    ran = argon("run", "math:sqrt", "4")
    assert (ran.status, ran.err) == (1, "argon: the queue is full\n")


def test_client_is_closed_whatever_happens(argon: Run, fake_client: type[FakeClient]) -> None:
    argon("run", "math:sqrt", "text")
    assert fake_client.made[0].closed


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_result_is_printed(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--cluster", live_address, "math:hypot", "3", "4")
    assert (ran.status, ran.out, ran.err) == (0, "5.0\n", "")


def test_live_exception_is_one_sentence(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--cluster", live_address, "operator:truediv", "1", "0")
    assert (ran.status, ran.err) == (1, "argon: operator:truediv raised ZeroDivisionError: division by zero\n")


def test_live_exception_with_debug_has_the_traceback_of_the_worker(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--cluster", live_address, "--debug", "json:loads", "{")
    assert ran.status == 1
    assert "in raw_decode" in ran.err


def test_live_unknown_function_suggests_one(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--cluster", live_address, "math:sqr", "4")
    assert ran.status == 1
    assert "math:sqrt" in ran.err


def test_live_timeout_ends_the_task(argon_process: Run, live_address: str) -> None:
    ran = argon_process("run", "--cluster", live_address, "--timeout", "0.3", "time:sleep", "600")
    assert ran.status == 1
    assert ran.err.startswith("argon: ")
    assert ran.err.count("\n") == 1


def test_live_unreachable_cluster_is_one_sentence(argon_process: Run) -> None:
    ran = argon_process("run", "--cluster", "localhost:1", "math:sqrt", "4")
    assert ran.status == 1
    assert "localhost:1" in ran.err
    assert ran.err.count("\n") == 1


def test_live_interruption_is_quiet_and_exit_130(live_address: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with marked("run", "--cluster", live_address, "live_tasks:announce_and_sleep", str(fifo)) as process:
        assert fifo.read_text() == "running"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
