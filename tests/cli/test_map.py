"""`argon map` runs a task for each line and prints the results in order."""

from __future__ import annotations

import io
import json
import math
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from argon.cli import map as map_command
from argon.cli.map import ResultPrinter, map_lines
from argon.settings import Priority
from tests.cli.conftest import Ran, Run
from tests.cli.fakes import FakeClient
from tests.cli.processes import environment, marked


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture
def mapped(argon: Run, fake_client: type[FakeClient], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(data: bytes, *arguments: str) -> Ran:
        feed(monkeypatch, data)
        return argon("map", *arguments)

    return run


def printer(function: str = "m:f") -> ResultPrinter:
    return ResultPrinter(function, lambda count: None, debug=False)


def test_each_line_is_an_argument(mapped: Run) -> None:
    ran = mapped(b'4\n[1]\ntext\n"9"\r\n\n', "builtins:str")
    assert ran.status == 0
    assert [json.loads(line) for line in ran.out.splitlines()] == ["4", "[1]", "text", "9", ""]


def test_last_line_needs_no_end(mapped: Run) -> None:
    assert mapped(b"1\n4", "math:sqrt").out == "1.0\n2.0\n"


def test_no_lines_are_no_tasks(mapped: Run) -> None:
    ran = mapped(b"", "math:sqrt")
    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_result_without_a_json_form_is_a_json_string(mapped: Run) -> None:
    assert mapped(b"[1]\n", "builtins:set").out == '"{1}"\n'


def test_line_that_fails_is_named_and_the_others_come_out(mapped: Run) -> None:
    ran = mapped(b"1\ntext\n-1\n4\n", "math:sqrt")
    assert ran.status == 1
    assert ran.out == "1.0\n2.0\n"
    first, second = ran.err.splitlines()
    assert first.startswith("argon: line 2: math:sqrt raised TypeError: ")
    assert second.startswith("argon: line 3: math:sqrt raised ValueError: ")


def test_line_that_is_not_text_is_named_and_the_others_come_out(mapped: Run) -> None:
    ran = mapped(b"1\n\xff\n4\n", "math:sqrt")
    assert (ran.status, ran.out) == (1, "1.0\n2.0\n")
    assert ran.err.startswith("argon: line 2: 'utf-8'")


def test_line_that_fails_with_debug_has_its_traceback(mapped: Run) -> None:
    assert "Traceback" in mapped(b"text\n", "math:sqrt", "--debug").err
    assert "Traceback" not in mapped(b"text\n", "math:sqrt").err


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--timeout", "2.5"], "timeout", 2.5),
        (["--priority", "MIN"], "priority", Priority.MIN),
        (["--retries", "4"], "retries", 4),
    ],
)
def test_option_goes_with_the_tasks(
    mapped: Run, fake_client: type[FakeClient], arguments: list[str], option: str, value: object
) -> None:
    mapped(b"1\n", *arguments, "math:sqrt")
    assert fake_client.made[-1].options[option] == value


def test_cluster_option_says_where(mapped: Run, fake_client: type[FakeClient]) -> None:
    mapped(b"1\n", "math:sqrt", "--cluster", "here:1")
    assert fake_client.made[0].address == "here:1"


def test_results_wait_for_those_before_them(capsys: pytest.CaptureFixture[str]) -> None:
    futures: list[Future[object]] = []

    def submit(argument: object) -> Future[object]:
        futures.append(Future())
        if len(futures) == 2:  # the second is done first
            futures[1].set_result("second")
            futures[0].set_result("first")
        return futures[-1]

    map_lines([b"1\n", b"2\n"], submit, printer())
    assert capsys.readouterr().out == '"first"\n"second"\n'


def test_result_comes_out_while_the_next_line_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = threading.Event()
    monkeypatch.setattr(map_command, "write_line", lambda stream, text: printed.set())

    def lines() -> Iterator[bytes]:
        yield b"1\n"
        assert printed.wait(10), "the first result was held back until the second line came"

    map_lines(lines(), done, printer())


def test_lines_are_read_only_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_command, "WINDOW", 2)
    futures: list[Future[object]] = []
    most_pending = 0

    def resolve_all() -> None:
        for future in futures:
            if not future.done():
                future.set_result(None)

    class Watched(ResultPrinter):
        def expect(self, number: int, future: Future[object]) -> None:
            nonlocal most_pending
            most_pending = max(most_pending, sum(not future.done() for future in futures))
            if self._expected.full():
                resolve_all()
            super().expect(number, future)

    def submit(argument: object) -> Future[object]:
        futures.append(Future())
        return futures[-1]

    def lines() -> Iterator[bytes]:
        yield from [b"1\n"] * 20
        resolve_all()

    map_lines(lines(), submit, Watched("m:f", lambda count: None, debug=False))
    assert len(futures) == 20
    assert most_pending <= 4  # two in the window, one that is waited for, and one that is about to enter


def test_output_that_nobody_reads_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = threading.Event()
    names = printer()

    def broken(stream: object, text: str) -> None:
        raise BrokenPipeError

    def lines() -> Iterator[bytes]:
        while not ending.is_set():
            yield b"1\n"
            names.stopped.wait(10)

    monkeypatch.setattr(map_command, "write_line", broken)
    with pytest.raises(BrokenPipeError):
        map_lines(lines(), done, names)
    ending.set()


def test_anything_else_that_ends_the_printing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(stream: object, text: str) -> None:
        raise LookupError("unknown encoding")

    monkeypatch.setattr(map_command, "write_line", broken)
    with pytest.raises(LookupError):
        map_lines(iter([b"1\n"]), done, printer())


def test_interruption_ends_the_printing(capsys: pytest.CaptureFixture[str]) -> None:
    pending: Future[object] = Future()

    def lines() -> Iterator[bytes]:
        yield b"1\n"
        raise KeyboardInterrupt

    names = printer()
    with pytest.raises(KeyboardInterrupt):
        map_lines(lines(), lambda argument: pending, names)
    pending.set_result("too late")
    names.join(10)
    assert not names.is_alive()
    assert capsys.readouterr().out == ""


def done(argument: object) -> Future[object]:
    future: Future[object] = Future()
    future.set_result(argument)
    return future


# --- with real processes ----------------------------------------------------------------------------------------------


def test_live_lines_come_out_in_order(argon_process: Run, live_address: str) -> None:
    lines = "".join(f"{number}\n" for number in range(3000))
    ran = argon_process("map", "--cluster", live_address, "math:sqrt", stdin=lines)
    assert (ran.status, ran.err) == (0, "")
    assert [float(line) for line in ran.out.splitlines()] == [math.sqrt(number) for number in range(3000)]


def test_live_line_that_fails_is_named(argon_process: Run, live_address: str) -> None:
    ran = argon_process("map", "--cluster", live_address, "math:sqrt", stdin="1\n-1\n4\n")
    assert (ran.status, ran.out) == (1, "1.0\n2.0\n")
    assert ran.err.startswith("argon: line 2: math:sqrt raised ValueError: ")
    assert ran.err.count("\n") == 1


def test_live_results_come_while_stdin_is_open_and_interruption_is_quiet(live_address: str) -> None:
    with marked("map", "--cluster", live_address, "math:sqrt") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("4\n")
        process.stdin.flush()
        assert process.stdout.readline() == "2.0\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_live_output_that_nobody_reads_is_no_crash(live_address: str) -> None:
    command = f"yes 4 | '{sys.executable}' -m argon map --cluster {live_address} math:sqrt | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment(), timeout=20)
    assert (done.stdout, done.stderr) == ("2.0\n", "")


def test_live_output_that_nobody_reads_ends_the_command_while_its_input_is_open(live_address: str) -> None:
    with marked("map", "--cluster", live_address, "math:sqrt") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.write("4\n")
        process.stdin.flush()
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
