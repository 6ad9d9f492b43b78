"""The functions that every system runs. In: one argument. Out: a result that shows which argument it was.

Workers import this module by its name, so it imports nothing but the standard library, and never argon or a peer.
"""

from __future__ import annotations

import os
import time
from typing import TypeVar

T = TypeVar("T")


def noop(x: T) -> T:
    """The least that a task can do."""
    return x


def spin(seconds: float) -> float:
    """Keeps its core busy until that much wall-clock has passed since it began."""
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass
    return seconds


def nap(seconds: float) -> float:
    """Keeps its worker busy, and no core."""
    time.sleep(seconds)
    return seconds


def long_nap(seconds: float) -> float:
    """The same under another name, since it is by their names that tasks are told apart."""
    return nap(seconds)


def echo(x: T) -> T:
    """Sends a payload back."""
    return x


SPEED_VARIABLE = "ARGON_BENCHMARK_SPEED"


def nap_at_speed(seconds: float) -> None:
    """Sleeps, for longer on a node that was started as a slow one."""
    time.sleep(seconds / float(os.environ.get(SPEED_VARIABLE, "1")))
