"""How far a command has come: a live bar where somebody watches, a line now and then where nobody does.

In: what is counted, and how many there will be if that is known. Out: an `advance(n)` to call. Never writes to stdout
unless the caller's console does, so results in a pipe stay clean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int], None]

PLAIN_STEPS = 5
"""How many lines a count takes where there is no terminal."""


@contextmanager
def progress_on_terminal(description: str) -> Iterator[Advance]:
    """A bar without an end on stderr if that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console

    # With both on one terminal, results must go above the bar, which only the bar's owner can arrange.
    with _bar(Console(stderr=True), description, None, redirect_stdout=sys.stdout.isatty()) as advance:
        yield advance


@contextmanager
def progress_of(console: Console, description: str, total: int) -> Iterator[Advance]:
    """A bar on a terminal, else a line for each fifth."""
    if console.is_terminal:
        with _bar(console, description, total, redirect_stdout=True) as advance:
            yield advance
    else:
        yield _plain_lines(console, description, total)


@contextmanager
def _bar(console: Console, description: str, total: int | None, *, redirect_stdout: bool) -> Iterator[Advance]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, redirect_stdout=redirect_stdout, redirect_stderr=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda count: progress.advance(task, count)


def _plain_lines(console: Console, description: str, total: int) -> Advance:
    done = said = 0

    def advance(count: int) -> None:
        nonlocal done, said
        done += count
        if done * PLAIN_STEPS // max(total, 1) > said:
            said = done * PLAIN_STEPS // max(total, 1)
            console.print(f"{description}: {done} of {total}", markup=False)

    return advance
