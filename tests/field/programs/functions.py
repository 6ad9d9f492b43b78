"""A script whose functions, of every kind, are tasks and arguments; ``checks.py`` says how it is run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import operator
import unittest.mock
import xml.dom.minidom
from collections.abc import Callable, Iterator
from typing import Any

from checks import Run, kind, run_checks


def same(value: Any) -> Any:
    return value


RATE = 3
TABLE: dict[str, int] = {"a": 1}
half = lambda number: number / 2  # noqa: E731 - a lambda that has a name is one of the kinds


def times_rate(number: int) -> int:
    return number * RATE


def even(number: int) -> bool:
    return True if number == 0 else odd(number - 1)


def odd(number: int) -> bool:
    return False if number == 0 else even(number - 1)


def with_defaults(a: int, b: Any = TABLE, *, c: int = 4) -> int:
    return a + b["a"] + c


def make_adder(step: int) -> Callable[[int], int]:
    def add(number: int) -> int:
        return number + step + RATE

    return add


def count_calls() -> int:
    count_calls.calls += 1  # type: ignore[attr-defined]
    return count_calls.calls  # type: ignore[attr-defined,no-any-return]


count_calls.calls = 0  # type: ignore[attr-defined]


def doubled(function: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(function)
    def wrapper(*args: int) -> int:
        return 2 * function(*args)

    return wrapper


@doubled
def wrapped_sum(a: int, b: int) -> int:
    return a + b


@functools.lru_cache(maxsize=10)
def cached(number: int) -> int:
    return number + RATE


@functools.cache
def unbounded(number: int) -> int:
    return cached(number) + 1


def cache_size() -> int:
    unbounded(1)
    return unbounded.cache_info().currsize


@functools.singledispatch
def described(value: Any) -> str:
    return "object"


@described.register
def _(value: int) -> str:
    return "int"


@contextlib.contextmanager
def opened(name: str) -> Iterator[str]:
    yield name.upper()


def uses_opened(name: str) -> str:
    with opened(name) as upper:
        return upper


def upto(count: int) -> Iterator[int]:
    yield from range(count)


def listed(count: int) -> list[int]:
    return list(upto(count))


async def awaited(number: int) -> int:
    await asyncio.sleep(0)
    return number + 1


tripled = functools.partial(operator.mul, 3)
rated = functools.partial(times_rate)


@kind
def a_function(run: Run) -> None:
    assert run(times_rate, 2) == 6


@kind
def a_changed_variable(run: Run) -> None:
    global RATE
    try:
        RATE = 5
        assert run(times_rate, 2) == 10
    finally:
        RATE = 3
    assert run(times_rate, 2) == 6


@kind
def functions_that_call_each_other(run: Run) -> None:
    assert run(even, 5) is False


@kind
def defaults(run: Run) -> None:
    assert run(with_defaults, 1) == 6
    assert run(with_defaults, 1, {"a": 2}, c=0) == 3


@kind
def a_lambda(run: Run) -> None:
    assert run(half, 3) == 1.5
    assert run(lambda number: times_rate(number) + 1, 2) == 7


@kind
def a_closure(run: Run) -> None:
    assert run(make_adder(10), 1) == 14
    assert run(same, make_adder(10))(1) == 14


@kind
def attributes_of_a_function(run: Run) -> None:
    assert [run(count_calls), run(count_calls)] == [1, 2]


@kind
def a_decorated_function(run: Run) -> None:
    assert run(wrapped_sum, 1, 2) == 6
    assert run(same, wrapped_sum) is wrapped_sum


@kind
def a_memoised_function(run: Run) -> None:
    assert run(cached, 1) == 4
    assert run(unbounded, 1) == 5
    assert run(cache_size) == 1
    assert run(cached_of, 3) == 6


def cached_of(number: int) -> int:
    return cached(number)


@kind
def a_generic_function(run: Run) -> None:
    assert [run(described, 1), run(described, "")] == ["int", "object"]


@kind
def a_context_manager(run: Run) -> None:
    assert run(uses_opened, "a") == "A"


@kind
def a_generator_function(run: Run) -> None:
    assert run(listed, 3) == [0, 1, 2]


@kind
def a_coroutine_function(run: Run) -> None:
    assert run(awaited, 1) == 2


@kind
def a_partial(run: Run) -> None:
    assert run(tripled, 2) == 6
    assert run(rated, 2) == 6
    assert run(functools.partial(make_adder(1), number=1)) == 5


@kind
def a_function_as_an_argument(run: Run) -> None:
    assert run(map_all, times_rate, [1, 2]) == [3, 6]
    assert run(same, times_rate) is times_rate


def map_all(function: Callable[[int], int], items: list[int]) -> list[int]:
    return [function(item) for item in items]


MISSING = object()


def looked_up(table: dict[str, int], default: Any = MISSING) -> Any:
    return "missing" if default is MISSING else default


def bound_later() -> Any:
    return LATER  # type: ignore[name-defined]  # noqa: F821 - that is the point


def with_default(number: int = 1) -> int:
    return number


def uses_submodule() -> str:
    return xml.dom.minidom.parseString("<a/>").documentElement.tagName


def fetch() -> str:
    return "real"


def fake() -> str:
    return "fake"


def fetched() -> str:
    return fetch()


def timed(function: Callable[[], str]) -> Callable[[], str]:
    @functools.wraps(function)
    def wrapper() -> str:
        return "timed " + function()

    return wrapper


@kind
def names_that_are_bound_later_and_deleted(run: Run) -> None:
    for value in (5, 6):
        with contextlib.suppress(NameError):
            run(bound_later)
            raise AssertionError("a name that the script has not was found")
        globals()["LATER"] = value
        assert run(bound_later) == value
        del globals()["LATER"]


@kind
def a_sentinel_as_a_default(run: Run) -> None:
    assert run(looked_up, {}) == "missing"
    assert run(lambda value=MISSING: value is MISSING) is True


@kind
def defaults_and_code_that_change(run: Run) -> None:
    assert run(with_default) == 1
    with_default.__defaults__ = (2,)
    assert run(with_default) == 2
    with_default.__code__ = (lambda number: number * 10).__code__
    assert run(with_default) == 20


@kind
def a_submodule_that_a_function_uses(run: Run) -> None:
    assert run(uses_submodule) == "a"


@kind
def functions_that_are_replaced(run: Run) -> None:
    assert run(fetched) == "real"
    with unittest.mock.patch("__main__.fetch", fake):
        assert run(fetched) == "fake"
    assert run(fetched) == "real"
    with unittest.mock.patch("__main__.fetch", timed(fetch)):
        assert run(fetched) == "timed real"


if __name__ == "__main__":
    run_checks()
