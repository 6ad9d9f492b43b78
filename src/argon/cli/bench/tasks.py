"""The tasks that `argon bench` and `argon demo` run, in a module that every node can import.

In and out: their argument, unchanged. They do nothing else, so that what is measured is everything around them.
"""

from __future__ import annotations

import time
from typing import TypeVar

Value = TypeVar("Value")


def noop(value: Value) -> Value:
    """Does nothing."""
    return value


def echo(payload: bytes) -> bytes:
    """Sends a payload back."""
    return payload


def nap(seconds: float, value: Value) -> Value:
    """Keeps a worker busy without using the CPU."""
    time.sleep(seconds)
    return value
