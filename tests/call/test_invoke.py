"""What a call comes to: a function's value, a task class's ``run``, or what an awaitable comes to."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from argon.call.invoke import invoke


class Doubled:
    def __init__(self, number: int) -> None:
        self._number = number

    def run(self) -> int:
        return 2 * self._number


class Plain:
    pass


async def later(number: int) -> int:
    return number


class LaterDoubled(Doubled):
    async def run(self) -> int:  # type: ignore[override]
        return 2 * self._number


def waited(awaitable: Awaitable[Any]) -> tuple[str, Any]:
    coroutine: Any = awaitable
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return "waited", stop.value
    raise AssertionError("it does not end at once")


def never(awaitable: Awaitable[Any]) -> Any:
    raise AssertionError(awaitable)


def test_function_gets_its_arguments() -> None:
    assert invoke(dict, ([("a", 1)],), {"b": 2}, never) == {"a": 1, "b": 2}


def test_class_with_a_run_method_is_made_and_run() -> None:
    assert invoke(Doubled, (4,), {}, never) == 8
    assert isinstance(invoke(Plain, (), {}, never), Plain)


def test_run_method_of_what_a_function_returns_is_left_alone() -> None:
    assert isinstance(invoke(lambda: Doubled(4), (), {}, never), Doubled)


@pytest.mark.parametrize(("function", "value"), [(later, 4), (LaterDoubled, 8)])
def test_what_must_be_awaited_is_waited_for_in_the_callers_way(function: Any, value: int) -> None:
    assert invoke(function, (4,), {}, waited) == ("waited", value)


def test_what_is_raised_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        invoke(divmod, (1, 0), {}, never)
