"""What tests wait with: a bounded poll for what announces itself by nothing else, and gates that hold tasks back."""

from __future__ import annotations

import fcntl
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


class SharedGate:
    """A gate for any number of tasks: they pass with ``pass_gate`` once it is opened, and at once from then on.

    It is a locked file. It does not know who waits: for a task that says when it has begun, take `TaskGate`.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def open(self) -> None:
        """Lets everybody pass."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)


def pass_gate(path: str) -> None:
    """Waits, in a task, until the gate is open."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
