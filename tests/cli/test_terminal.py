"""Sentences and tables fit the terminal, and any output can carry them."""

from __future__ import annotations

import doctest
import io
import sys

import pytest

from argon.cli import terminal
from argon.cli.terminal import say, show_table, table_lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_column_is_aligned_left_if_named_and_right_else() -> None:
    rows = [["a", "1", "x"], ["long", "100", "yy"]]
    assert table_lines(rows, left=(0, 2)) == [" a        1   x", " long   100   yy"]


def test_table_without_rows_is_its_header() -> None:
    assert table_lines([], header=["a", "b"]) == [" a   b", " ─────"]


def test_title_is_above_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([["a", "1"]], title="numbers")
    assert capsys.readouterr().out == "\n numbers\n a   1\n"


def test_table_that_is_too_wide_folds_its_widest_left_column() -> None:
    lines = table_lines([["a", "1", "some/long/path.py and more"]], left=(0, 2), width=24)
    assert lines == [" a   1   some/long/path.", "         py and more"]


def test_table_that_does_not_fit_even_folded_is_left_alone() -> None:
    assert table_lines([["some words " * 2, "1" * 50]], width=20) == [f" {'some words ' * 2}   {'1' * 50}"]


@pytest.mark.parametrize("columns", ["1", "20", "200"])
def test_table_on_a_terminal_of_any_width_has_all_it_should(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    show_table([["name", "1"], ["other", "2"]], header=["what", "number"])
    assert all(word in shown.getvalue() for word in ("what", "number", "name", "other", "2"))


def test_paragraph_is_broken_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    say("\n  one two three")
    assert shown.getvalue() == "\n  one two\n  three\n"


def test_paragraph_in_a_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 50)
    assert capsys.readouterr().out.count("\n") == 1


def test_output_that_lacks_a_character_gets_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", poor)
    say("2 × – 7 µs Müller ─")
    assert poor.buffer.getvalue() == b"2 x - 7 us M\\xfcller -\n"  # type: ignore[attr-defined]


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(terminal).failed == 0
