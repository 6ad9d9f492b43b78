"""What tests wait with: a bounded poll for what announces itself by nothing else, and gates that hold tasks back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

WITHIN_S = 20.0


def wait_until(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Returns as soon as the condition holds; fails when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {within_s:g} s"
        time.sleep(0.005)


class Gate:
    """A named pipe that lets tasks through one by one: each passes for one byte, and all once it is closed.

    A task passes with ``pass_gate``; it may come before or after it is let through.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._descriptor = os.open(path, os.O_RDWR)

    def let_through(self, tasks: int) -> None:
        """Lets so many tasks pass, whichever come first."""
        os.write(self._descriptor, b"." * tasks)

    def open(self) -> None:
        """Lets more tasks pass than any test has."""
        self.let_through(4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.open()
        os.close(self._descriptor)


def pass_gate(path: str) -> None:
    """Waits, in a task, until it is let through."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.read(descriptor, 1)
    finally:
        os.close(descriptor)
