"""A script that gives callables of every kind to ``Executor.map``, item by item and in chunks.

It prints one JSON object: for each callable and chunksize the values before the first failure, and that.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import argon


class RefusedError(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"no {number}")


def plain(number: int) -> int:
    return -number


async def coroutine(number: int, more: int = 1) -> int:
    await asyncio.sleep(0)
    return number + more


def returns_awaitable(number: int) -> Awaitable[int]:
    return coroutine(number)


def runs_a_loop(number: int) -> int:
    return asyncio.run(coroutine(number))


class TaskClass:
    def __init__(self, number: int) -> None:
        self.number = number

    def run(self) -> int:
        return self.number * 10


class AsyncTaskClass(TaskClass):
    async def run(self) -> int:  # type: ignore[override]
        return await coroutine(self.number)


class AsyncCallable:
    async def __call__(self, number: int) -> int:
        return await coroutine(number)


def generator(number: int) -> Iterator[int]:
    yield number


async def async_generator(number: int) -> AsyncIterator[int]:
    yield number


def refuses_two(number: int) -> int:
    if number == 2:
        raise RefusedError(number)
    return number


async def exits_at_two(number: int) -> int:
    if number == 2:
        raise SystemExit(number)
    return number


def counts(number: int, counter: list[int] = []) -> list[int]:  # noqa: B006 - it lasts between calls
    counter.append(number)
    return counter[-1:]


CALLABLES: dict[str, Any] = {
    "plain": plain,
    "coroutine": coroutine,
    "awaitable": returns_awaitable,
    "loop": runs_a_loop,
    "task class": TaskClass,
    "async task class": AsyncTaskClass,
    "async callable": AsyncCallable(),
    "partial of a coroutine": functools.partial(coroutine, more=5),
    "lambda": lambda number: [number],
    "name": "math:sqrt",
    "generator": generator,
    "async generator": async_generator,
    "raises": refuses_two,
    "exits": exits_at_two,
    "counter": counts,
}


def outcome(pool: argon.Executor, function: Any, chunksize: int) -> list[Any]:
    values: list[Any] = []
    try:
        for value in pool.map(function, range(5), chunksize=chunksize):
            values.append(value)  # noqa: PERF402 - those before a failure are wanted
    except Exception as error:  # noqa: BLE001 - it is compared
        traced = function.__name__ in str(error.__cause__)
        return [values, type(error).__name__, str(error).partition(" (")[0], traced]
    return [values]


if __name__ == "__main__":
    with argon.Executor(max_workers=1) as pool:
        found = {name: [outcome(pool, call, size) for size in (1, 2, 5)] for name, call in CALLABLES.items()}
    print(json.dumps(found))
