"""A chunk: each item is run and answered as a single task is."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from argon.call import chunk
from argon.call.chunk import Surroundings, prepare, run_chunk, values_of
from argon.errors import MayHaveRun, RemoteError, ResultNotSerializable, UnknownFunction
from tests.support.tasks import Raising, SlowSum, Sum

FACTS = {"attempt": 2, "queued_s": 0.5, "run_s": 0.25, "task_id": "3.17"}
MAX = 30_000


def waited(awaitable: Awaitable[Any]) -> Any:
    async def value() -> Any:
        return await awaitable

    return asyncio.run(value())


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "_surroundings", [])
    prepare(Surroundings(waited, "node-1", MAX))


def run(function: Callable[..., Any] | str, items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Runs a chunk, and sends its answer the way back."""
    return values_of(pickle.loads(pickle.dumps(run_chunk(function, items))), FACTS)


async def plus(first: int, second: int = 0) -> int:
    await asyncio.sleep(0)
    return first + second


class Plus:
    async def __call__(self, first: int, second: int) -> int:
        return first + second


def promised(first: int, second: int) -> Awaitable[int]:
    return plus(first, second)


def reciprocal(number: int) -> float:
    return 1 / number


def size_of(count: int) -> bytes:
    return bytes(count)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (pow, [1, 8, 81]),
        ("builtins:pow", [1, 8, 81]),
        (plus, [3, 5, 7]),
        (partial(plus, second=4), [5, 6, 7]),
        (Plus(), [3, 5, 7]),
        (promised, [3, 5, 7]),
        (Sum, [3, 5, 7]),
        (SlowSum, [3, 5, 7]),
        (lambda *numbers: numbers, [(1, 2), (2, 3), (3, 4)]),
    ],
)
def test_items_give_what_single_calls_give(function: Callable[..., Any], values: list[Any]) -> None:
    items = [(1,), (2,), (3,)] if isinstance(function, partial) else [(1, 2), (2, 3), (3, 4)]
    assert list(run(function, items)) == values


def test_instance_of_a_class_without_run_is_a_value_itself() -> None:
    assert [value.kind for value in run(Picture, [("a",), ("b",)])] == ["a", "b"]


class Picture:
    def __init__(self, kind: str) -> None:
        self.kind = kind


def test_each_value_is_packed_before_the_next_item_can_change_it() -> None:
    held: list[int] = []
    array = np.zeros(1)

    def grow(number: int) -> tuple[list[int], Any]:
        held.append(number)
        array[0] = number
        return held, array

    values = list(run(grow, [(1,), (2,)]))
    assert [value for value, _ in values] == [[1], [1, 2]]
    assert [made[0] for _, made in values] == [1.0, 2.0]


def test_failure_comes_in_its_place_and_ends_the_chunk() -> None:
    ran: list[int] = []

    def noted(number: int) -> float:
        ran.append(number)
        return reciprocal(number)

    values = run(noted, [(1,), (2,), (0,), (4,)])
    assert [next(values), next(values)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError) as caught:
        next(values)
    assert "in reciprocal" in str(caught.value.__cause__)
    assert "in run_chunk" not in str(caught.value.__cause__)
    with pytest.raises(StopIteration):
        next(values)
    assert ran == [1, 2, 0]


def test_what_must_not_travel_is_told_with_the_data_of_its_task() -> None:
    values = run("sys:exit", [(3,)])
    with pytest.raises(RemoteError, match="SystemExit: 3") as caught:
        next(values)
    error = caught.value
    assert (error.node, error.attempt, error.queued_s, error.run_s) == ("node-1", 2, 0.5, 0.25)
    assert (error.task_id, error.may_have_run) == ("3.17", MayHaveRun.YES)


def test_function_that_is_not_there_is_told_as_that() -> None:
    with pytest.raises(UnknownFunction, match="no function 'math:hypott'") as caught:
        list(run("math:hypott", [(3, 4)]))
    assert (caught.value.may_have_run, caught.value.task_id) == (MayHaveRun.NO, "3.17")


@pytest.mark.parametrize(
    ("value", "why"), [(iter(map(str, [])), None), ((n for n in "abc"), "generator"), (bytes(MAX + 1), "max_payload")]
)
def test_value_that_cannot_travel_is_the_failure_of_its_own_item(value: object, why: str | None) -> None:
    values = run(lambda index: [1, value, 3][index], [(0,), (1,), (2,)])
    assert next(values) == 1
    if why is None:
        assert list(values)[1] == 3
        return
    with pytest.raises(ResultNotSerializable, match=why) as caught:
        next(values)
    assert (caught.value.node, caught.value.attempt) == ("node-1", 2)


def test_value_that_cannot_be_loaded_here_is_the_failure_of_its_own_item() -> None:
    values = run(lambda index: [1, Raising(ValueError), 3][index], [(0,), (1,), (2,)])
    assert next(values) == 1
    with pytest.raises(ResultNotSerializable, match="cannot be loaded here") as caught:
        next(values)
    assert (caught.value.task_id, caught.value.attempt) == ("3.17", 2)


def test_values_that_are_too_large_together_fail_where_the_room_ends() -> None:
    answers = run_chunk(size_of, [(12_000,)] * 3)
    assert sum(map(len, answers)) <= MAX
    values = values_of(answers, FACTS)
    assert [len(next(values)), len(next(values))] == [12_000, 12_000]
    with pytest.raises(ResultNotSerializable, match=r"the results of 3 items .* give a smaller chunksize"):
        next(values)


def test_values_that_fill_the_room_leave_some_for_a_failure() -> None:
    def filled(count: int) -> bytes:
        if not count:
            raise ValueError("x" * 50_000)
        return bytes(count)

    answers = run_chunk(filled, [(28_000,), (0,)])
    assert sum(map(len, answers)) <= MAX
    values = values_of(answers, FACTS)
    assert len(next(values)) == 28_000
    with pytest.raises(RemoteError, match=r"ValueError: x+ "):
        next(values)
