"""Progress is a bar for people and a few lines for files."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from argon.cli.progress import progress_of, progress_on_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_terminal_gets_a_line_for_each_fifth() -> None:
    console = Console(file=io.StringIO())
    with progress_of(console, "measured", 10) as advance:
        for _ in range(10):
            advance(1)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [f"measured: {count} of 10" for count in (2, 4, 6, 8, 10)]


def test_nothing_to_do_is_no_crash() -> None:
    with progress_of(Console(file=io.StringIO()), "measured", 0):
        pass


def test_terminal_gets_a_bar() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with progress_of(console, "measured", 10) as advance:
        advance(10)
    assert isinstance(console.file, io.StringIO)
    assert "10/10" in console.file.getvalue()


def test_stderr_that_is_no_terminal_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_on_terminal("m:f") as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_stderr_that_is_a_terminal_gets_a_bar_and_stdout_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_on_terminal("m:f") as advance:
        advance(5)
        print("a result")
    shown = terminal.getvalue()
    assert "m:f" in shown
    assert "5/?" in shown
    assert capsys.readouterr().out == "a result\n"
