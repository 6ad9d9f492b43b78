"""Tasks for tests of the network: their module costs a worker next to nothing to import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any


def pid() -> int:
    return os.getpid()


def identity(value: Any) -> Any:
    return value


def hold(started: str, go: str) -> str:
    """Says that it has begun, and waits until it is let go: both are named pipes."""
    _write(started)
    _read(go)
    return "held"


def hold_against_sigterm(started: str, go: str) -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return hold(started, go)


def note(path: str, text: str) -> str:
    """Leaves a line in a file."""
    with open(path, "a") as file:
        file.write(text + "\n")
    return text


def take(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def fail(kind: Callable[[str], BaseException], text: str) -> None:
    raise kind(text)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def leave(code: int) -> None:
    os._exit(code)


def _write(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, b".")
    os.close(descriptor)


def _read(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 1)
    os.close(descriptor)
