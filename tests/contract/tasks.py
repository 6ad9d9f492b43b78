"""What the executors under contract run. Imports little, since every worker process imports it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from tests.support.waiting import pass_gate


class Refusal(Exception):
    """An exception of one's own, with arguments."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code


def both(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def double(number: int) -> int:
    return 2 * number


def add(first: int, second: int, third: int = 0) -> int:
    return first + second + third


def reciprocal(number: int) -> float:
    return 1 / number


def refuse(code: int) -> NoReturn:
    raise Refusal(code, "not today")


def touch(path: str) -> str:
    Path(path).touch()
    return path


def hold(started: str, gate: str) -> int:
    """Leaves a file when it starts, and ends when it is let through."""
    Path(started).touch()
    pass_gate(gate)
    return os.getpid()


def hold_and_refuse(started: str, gate: str) -> NoReturn:
    hold(started, gate)
    raise Refusal(7, "held")


def double_at_gate(number: int, gate: str) -> int:
    pass_gate(gate)
    return 2 * number
