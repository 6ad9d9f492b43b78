"""How far a command has come: one line that is rewritten where somebody watches, a line now and then where nobody does.

In: what is counted, and how many there will be if that is known. Out: an `advance(n)` to call. Never writes to stdout
unless the caller asks for it, so results in a pipe stay clean.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

Advance = Callable[[int], None]

PLAIN_STEPS = 5
"""How many lines a count takes where there is no terminal."""
REDRAW_S = 0.1
BAR_WIDTH = 30
ERASE = "\r\x1b[K"


@contextmanager
def progress_on_terminal(description: str) -> Iterator[Advance]:
    """A count without an end on stderr if that is a terminal, else nothing."""
    if not _can_be_rewritten(sys.stderr):
        yield lambda count: None
        return
    with _live_count(sys.stderr, description, None) as advance:
        yield advance


@contextmanager
def progress_of(description: str, total: int) -> Iterator[Advance]:
    """A bar on stdout if that is a terminal, else a line there for each fifth."""
    if _can_be_rewritten(sys.stdout):
        with _live_count(sys.stdout, description, total) as advance:
            yield advance
    else:
        yield _plain_lines(description, total)


@contextmanager
def status_on_terminal() -> Iterator[Callable[[str], None]]:
    """What shows a sentence on stderr until the next one or the end, if that is a terminal."""
    if not _can_be_rewritten(sys.stderr):
        yield lambda text: None
        return
    with _last_line(sys.stderr) as line:
        try:
            yield line.show
        finally:
            line.show("")


def _can_be_rewritten(stream: IO[str]) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class LastLine:
    """The last line of a terminal, which is rewritten in place, while whatever else is printed goes above it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._text = ""
        self._begun = False  # whether something above it waits for the end of its line
        self._lock = threading.RLock()  # a signal handler may print, too

    def show(self, text: str) -> None:
        """Replaces the line, and leaves it as it is when the text ends with a line feed."""
        with self._lock:
            self._text = text
            if not self._begun:
                width = shutil.get_terminal_size().columns - 1  # a longer one could not be erased
                self._stream.write(ERASE + text.rstrip("\n")[:width] + "\n" * text.endswith("\n"))
                self._stream.flush()

    def print_above(self, stream: IO[str], text: str) -> int:
        """Writes to a stream of the terminal; at the end of a line, the last line is shown again."""
        with self._lock:
            if not self._begun:
                self._stream.write(ERASE)
                self._stream.flush()
            written = stream.write(text)
            stream.flush()
            self._begun = not text.endswith("\n")
            self.show(self._text)
        return written


class AboveLastLine:
    """A stream of the terminal, all of whose lines go above its last one."""

    def __init__(self, stream: IO[str], line: LastLine) -> None:
        self._stream = stream
        self._line = line

    def write(self, text: str) -> int:
        return self._line.print_above(self._stream, text) if text else 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _last_line(stream: IO[str]) -> Iterator[LastLine]:
    """Shows a last line there, and sends what is printed to terminals above it."""
    line = LastLine(stream)
    before = sys.stdout, sys.stderr
    if sys.stdout.isatty():
        sys.stdout = AboveLastLine(sys.stdout, line)
    if sys.stderr.isatty():
        sys.stderr = AboveLastLine(sys.stderr, line)
    try:
        yield line
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def _live_count(stream: IO[str], description: str, total: int | None) -> Iterator[Advance]:
    begin_s = shown_s = time.monotonic()
    done = 0
    with _last_line(stream) as line:

        def advance(count: int) -> None:
            nonlocal done, shown_s
            done += count
            now_s = time.monotonic()
            if now_s - shown_s >= REDRAW_S:
                shown_s = now_s
                line.show(_count_text(description, done, total, now_s - begin_s))

        line.show(_count_text(description, done, total, 0.0))
        try:
            yield advance
        finally:
            line.show(_count_text(description, done, total, time.monotonic() - begin_s) + "\n")


def _count_text(description: str, done: int, total: int | None, seconds: float) -> str:
    """The line.

    >>> _count_text("measured", 5, 10, 61.5)
    'measured [###############...............] 5/10 0:01:01'
    >>> _count_text("math:sqrt", 1234, None, 0.0)
    'math:sqrt: 1,234 done 0:00:00'
    """
    minutes, rest = divmod(int(seconds), 60)
    elapsed = f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    if total is None:
        return f"{description}: {done:,} done {elapsed}"
    filled = BAR_WIDTH * done // max(total, 1)
    return f"{description} [{'#' * filled:.<{BAR_WIDTH}}] {done:,}/{total:,} {elapsed}"


def _plain_lines(description: str, total: int) -> Advance:
    done = said = 0

    def advance(count: int) -> None:
        nonlocal done, said
        done += count
        if done * PLAIN_STEPS // max(total, 1) > said:
            said = done * PLAIN_STEPS // max(total, 1)
            print(f"{description}: {done} of {total}", flush=True)

    return advance
