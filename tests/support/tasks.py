"""Functions that workers run in tests: well-behaved ones first, then the others."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tests.support.exceptions import Unpicklable


def identity(value: Any) -> Any:
    return value


def both(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def pid() -> int:
    return os.getpid()


def state_of_process() -> dict[str, Any]:
    return {
        "argv": sys.argv,
        "path": sys.path[:2],
        "token": os.environ.get("ARGON_TOKEN"),
        "stdin": sys.stdin.read(),
        "leader": os.getsid(0) == os.getpid(),
        "sigint": signal.getsignal(signal.SIGINT) == signal.default_int_handler,
    }


def fill_in_place(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array[:] = 7.0
    return array


def hold(started: str, go: str) -> str:
    """Says that it has started, and waits for the word to go on: both are named pipes."""
    Path(started).write_text("started")
    Path(go).read_text()
    return "held"


def note(path: str, word: object, payload: bytes) -> int:
    """Adds a word to a file; returns how much came with it."""
    with open(path, "a") as file:
        file.write(f"{word}\n")
    return len(payload)


def times_asleep() -> int:
    """How often this thread has had to wait for something."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def zombies_left_by(count: int) -> int:
    """Leaves that many processes behind; returns how many zombies there are on this machine, a while later at most."""
    for _ in range(count):
        subprocess.run("(exec true &)", shell=True, check=True)
    deadline = time.monotonic() + 20
    while (left := [*states_of_processes()].count("Z")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def states_of_processes() -> Iterator[str]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:  # it has ended
            continue


class Sum:
    """A task class: constructed with the arguments, then run."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def run(self) -> int:
        return sum(self.numbers)


class SlowSum(Sum):
    async def run(self) -> int:  # type: ignore[override]
        await asyncio.sleep(0)
        return sum(self.numbers)


async def same_loop() -> int:
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop())


async def exit_in_loop() -> NoReturn:
    await asyncio.sleep(0)
    sys.exit(3)


async def cancel_itself() -> NoReturn:
    raise asyncio.CancelledError


# ---- those that fail ---------------------------------------------------------------------------------------------


class Unloadable(Exception):
    """By pickle alone it would fail to load: the usual mistake."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit(9)

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Huge(Exception):
    def __str__(self) -> str:
        return "x" * 50_000_000


class EvilResult:
    def __reduce__(self) -> NoReturn:
        raise SystemExit(5)


class Raising:
    """Harmless where it is made; loading it raises."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return raise_it, (self.kind,)


def raise_it(kind: type[BaseException]) -> NoReturn:
    raise kind


class EvilArgument:
    """Harmless where it is made; loading it ends the process that trusts it."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (self.code,)


def raise_value_error(text: str) -> NoReturn:
    raise ValueError(text)


def raise_unpicklable() -> NoReturn:
    raise Unpicklable


def raise_hostile() -> NoReturn:
    raise Hostile


def raise_huge() -> NoReturn:
    raise Huge


def raise_keyboard_interrupt() -> NoReturn:
    raise KeyboardInterrupt


def recurse() -> NoReturn:
    recurse()
    raise AssertionError


def exhaust_memory() -> bytes:
    return bytes(1 << 60)


def return_evil() -> EvilResult:
    return EvilResult()


def return_generator() -> Any:
    return {"rows": [1, (number for number in range(3))]}


# ---- those that end or spoil their process -------------------------------------------------------------------------


def leave(code: int) -> NoReturn:
    os._exit(code)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    ctypes.string_at(0)


def write_everywhere() -> str:
    for fd in range(3, 256):
        try:
            os.write(fd, b"garbage " * 16)
        except OSError:
            continue
    time.sleep(60)  # the node ends this
    return "unharmed"


def close_everything() -> str:
    os.closerange(3, 256)
    return "closed"


def let_everything_wait() -> None:
    for fd in os.listdir("/proc/self/fd"):
        try:
            os.set_blocking(int(fd), True)
        except OSError:
            continue


def fork_and_return() -> str:
    return "child" if os.fork() == 0 else "parent"


def leave_a_child(code: int) -> NoReturn:
    """Ends, and leaves a child that holds every descriptor open."""
    if os.fork() == 0:
        time.sleep(60)
    os._exit(code)


def start_a_child(told: str, go: str) -> str:
    """Starts a program that would run for long, tells its pid, and waits."""
    child = subprocess.Popen(["sleep", "60"])
    Path(told).write_text(str(child.pid))
    Path(go).read_text()
    return "done"


def ignore_sigterm(started: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(started).write_text("started")
    time.sleep(60)
