"""Sentences and tables for people, as wide as their terminal.

In: text and rows of cells. Out: lines on stdout, in characters that it can carry. Nothing here asks, colours or moves a
cursor, so a file gets the lines that a terminal gets.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

PLAIN_WIDTH = 120
"""Of tables and sentences where there is no terminal whose width they should have."""

GAP = "   "
NARROWEST = 10
"""A column is never folded to less."""


def say(text: str = "") -> None:
    """Prints a paragraph, broken between words where the terminal ends."""
    if sys.stdout.isatty():
        text = "\n".join(textwrap.fill(line, _width(), subsequent_indent=_indent(line)) for line in text.split("\n"))
    _print(text)


def show_table(
    rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), title: str = "", left: Sequence[int] = (0,)
) -> None:
    """Prints a table, after an empty line.

    Args:
        rows: the cells, the same number in each row.
        header: the names of the columns; without them the table has none.
        title: a line above it.
        left: the numbers of the columns that are aligned left, and folded where the table is too wide; the others are
            aligned right.
    """
    lines = table_lines(rows, header=header, left=left, width=_width())
    _print("\n".join(["", *([f" {title}"] if title else []), *lines]))


def table_lines(
    rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), left: Sequence[int] = (0,), width: int = PLAIN_WIDTH
) -> list[str]:
    """The lines of a table without its title.

    >>> table_lines([["node-a", "2"], ["b", "16"]], header=["node", "workers"])
    [' node     workers', ' ────────────────', ' node-a         2', ' b             16']
    """
    cells = [header, *rows] if header else rows
    widths = _widths(cells, left, width)
    lines = []
    for row in cells:
        columns = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*columns, fillvalue=""):
            aligned = (
                part.ljust(width) if number in left else part.rjust(width)
                for number, (part, width) in enumerate(zip(parts, widths, strict=True))
            )
            lines.append(f" {GAP.join(aligned)}".rstrip())
        if row is header:
            lines.append(" " + "─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    return lines


def _widths(cells: Sequence[Sequence[str]], left: Sequence[int], width: int) -> list[int]:
    """How wide each column is: as its widest cell, or less for those that may be folded, if the table fits then."""
    widest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    widths = widest.copy()
    while widths and 1 + sum(widths) + len(GAP) * (len(widths) - 1) > width:
        number = max(left, key=widths.__getitem__)
        if widths[number] <= NARROWEST:
            return widest
        widths[number] -= 1
    return widths


def _folded(cell: str, width: int) -> list[str]:
    """The lines of a cell: broken between words, and inside of those that are too long."""
    return textwrap.wrap(cell, width, break_on_hyphens=False) if len(cell) > width else [cell]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH


def _print(text: str) -> None:
    """Prints what the output can carry of it: a figure must not be lost for the dash beside it."""
    encoding = sys.stdout.encoding or "utf-8"
    for character, plain in (("─", "-"), ("–", "-"), ("×", "x"), ("µs", "us")):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(character, plain)
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
