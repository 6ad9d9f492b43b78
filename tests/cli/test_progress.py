"""Progress is a line that is rewritten for people, and a few lines for files."""

from __future__ import annotations

import doctest
import io
import sys

import pytest

from argon.cli import progress
from argon.cli.progress import ERASE, progress_of, progress_on_terminal, status_on_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def both_on_a_terminal(monkeypatch: pytest.MonkeyPatch, term: str = "xterm", columns: int = 80) -> Terminal:
    """A terminal that stdout and stderr both are."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


def left_on(terminal: Terminal) -> list[str]:
    """The lines that a person sees at the end, where `ERASE` has taken away what was before it on its line."""
    return [line.rpartition(ERASE)[2] for line in terminal.getvalue().split("\n")]


def test_no_terminal_gets_a_line_for_each_fifth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of("measured", 10) as advance:
        for _ in range(10):
            advance(1)
    assert capsys.readouterr().out.splitlines() == [f"measured: {count} of 10" for count in (2, 4, 6, 8, 10)]


def test_nothing_to_do_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    both_on_a_terminal(monkeypatch)
    with progress_of("measured", 0):
        pass


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    with progress_of("measured", 10) as advance:
        advance(10)
    assert "measured [##############################] 10/10" in left_on(terminal)[0]


def test_bar_is_drawn_while_it_advances(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    with progress_of("measured", 10) as advance:
        advance(4)
        assert "4/10" in terminal.getvalue()


def test_terminal_that_cannot_rewrite_a_line_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch, term="dumb")
    with progress_of("measured", 5) as advance, progress_on_terminal("m:f"), status_on_terminal() as show:
        show("at work")
        advance(5)
    assert terminal.getvalue() == "measured: 5 of 5\n"


def test_stderr_that_is_no_terminal_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_on_terminal("m:f") as advance, status_on_terminal() as show:
        show("at work")
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_stderr_that_is_a_terminal_gets_a_count_and_stdout_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    results = io.StringIO()
    monkeypatch.setattr(sys, "stdout", results)
    with progress_on_terminal("m:f") as advance:
        advance(5)
        print("a result")
    assert left_on(terminal)[0].startswith("m:f: 5 done")
    assert results.getvalue() == "a result\n"


def test_lines_printed_on_the_same_terminal_are_whole_and_above_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    with progress_on_terminal("m:f") as advance:
        print("a", "result")
        advance(1)
        print("argon: line 2 failed", file=sys.stderr)
        advance(1)
    first, second, count, end = left_on(terminal)
    assert (first, second, end) == ("a result", "argon: line 2 failed", "")
    assert count.startswith("m:f: 2 done")


def test_count_does_not_break_a_line_that_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    with progress_on_terminal("m:f") as advance:
        sys.stdout.write("a ")
        advance(1)
        sys.stdout.write("result\n")
    assert left_on(terminal)[0] == "a result"


def test_line_is_cut_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch, columns=20)
    with progress_on_terminal("a_module_of_mine:a_function_of_it"):
        pass
    assert left_on(terminal) == ["a_module_of_mine:a_", ""]


def test_streams_are_themselves_again_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress_on_terminal("m:f"):
        raise KeyboardInterrupt
    assert sys.stdout is terminal
    assert sys.stderr is terminal


def test_status_is_shown_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = both_on_a_terminal(monkeypatch)
    with status_on_terminal() as show:
        show("simulating")
        assert left_on(terminal) == ["simulating"]
        show("still")
        assert left_on(terminal) == ["still"]
    assert left_on(terminal) == [""]


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(progress).failed == 0
