"""What the workers of real networks run: each leaves a file as its first act. Imports little, as every worker does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from tests.support.entry_checker import enter, enter_again
from tests.support.waiting import pass_gate


def mark(path: str) -> str:
    return enter(path)


def work(path: str, seconds: float) -> str:
    """Takes its time, as real work does."""
    enter(path)
    time.sleep(seconds)
    return path


def work_again(path: str, seconds: float) -> str:
    """The same for a task that may run twice."""
    enter_again(path)
    time.sleep(seconds)
    return path


def hold(path: str, gate: str) -> str:
    """Ends when it is let through."""
    enter(path)
    pass_gate(gate)
    return path


def hold_line(line: list[str]) -> str:
    """The same for a line of `argon map`."""
    return hold(*line)


def hold_again(path: str, gate: str) -> str:
    """As ``hold``, for a task that may run twice."""
    enter_again(path)
    pass_gate(gate)
    return path


def maybe_hold(path: str, gate: str | None) -> str:
    """Instant, as a rule."""
    enter(path)
    if gate is not None:
        pass_gate(gate)
    return path


def hold_with_child(path: str, gate: str) -> str:
    """Starts a program that would run for long, then waits."""
    subprocess.Popen(["sleep", "60"])
    return hold(path, gate)


def process_id(path: str) -> int:
    enter(path)
    return os.getpid()


def hold_telling_process_id(path: str, gate: str) -> str:
    Path(f"{path}.pid").write_text(str(os.getpid()))
    return hold(path, gate)


# ---- those that misbehave ------------------------------------------------------------------------------------------


class Unloadable(Exception):
    """Pickles, and fails to load: the usual mistake."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


class Speechless(Exception):
    """Never comes to the end of what it has to say."""

    def __str__(self) -> str:
        time.sleep(60)
        return ""


class Unpicklable(Exception):
    """Holds what cannot travel."""

    def __init__(self, held: object) -> None:
        super().__init__("it holds a generator")
        self.held = held


def leave_politely(path: str) -> NoReturn:
    enter(path)
    sys.exit(3)


def leave_at_once(path: str) -> NoReturn:
    enter(path)
    os._exit(3)


def abort(path: str) -> NoReturn:
    enter(path)
    os.abort()


def segfault(path: str) -> None:
    enter(path)
    ctypes.string_at(0)


def write_to_every_descriptor(path: str) -> str:
    enter(path)
    for descriptor in range(256):
        try:
            os.write(descriptor, b"garbage " * 16)
        except OSError:
            continue
    time.sleep(60)
    return path


def print_a_lot(path: str) -> str:
    enter(path)
    print("printed " * 2000)
    print("complained " * 2000, file=sys.stderr)
    return path


def close_every_descriptor(path: str) -> str:
    enter(path)
    os.closerange(0, 256)
    return path


def fork(path: str) -> str:
    """Both come back; only one of them is the worker."""
    enter(path)
    os.fork()
    return path


def leave_children(path: str) -> NoReturn:
    """Ends, and leaves a child that holds every descriptor open."""
    enter(path)
    if os.fork() == 0:
        time.sleep(60)
    os._exit(4)


def take_memory(path: str, size_bytes: int) -> str:
    """Takes it, and uses it."""
    enter(path)
    return str(len(b"x" * size_bytes))


def fork_without_end(path: str) -> str:
    """All that are forked do the same, until the system refuses."""
    enter(path)
    try:
        while True:
            os.fork()
    except BlockingIOError:
        time.sleep(60)
    return path


def raise_unloadable(path: str) -> NoReturn:
    enter(path)
    raise Unloadable(1, 2)


def raise_unpicklable(path: str) -> NoReturn:
    enter(path)
    raise Unpicklable(number for number in range(3))


def raise_speechless(path: str) -> NoReturn:
    enter(path)
    raise Speechless


def return_generator(path: str) -> Any:
    enter(path)
    return {"rows": (number for number in range(3))}


def return_too_much(path: str) -> bytes:
    enter(path)
    return bytes(65 << 20)


def refuse(path: str) -> NoReturn:
    enter(path)
    raise LookupError("no such customer", path)


def take(path: str, value: Any) -> str:
    return enter(path)
