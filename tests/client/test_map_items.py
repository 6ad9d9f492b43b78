"""The arguments of each task of a map, and each value in its time."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Iterator
from time import monotonic

import pytest

from argon.client.map_items import arguments_of, next_result
from argon.errors import TaskExpired


def test_arguments_are_zipped_up_to_the_shortest_and_taken_one_at_a_time() -> None:
    numbers = iter(range(5))
    items = arguments_of((numbers, "abc"))
    assert next(items) == (0, "a")
    assert next(numbers) == 1
    assert list(items) == [(2, "b"), (3, "c")]


def test_iterable_that_raises_is_told_at_which_item() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    items = arguments_of((broken(),))
    assert next(items) == (1,)
    with pytest.raises(KeyError) as caught:
        next(items)
    assert caught.value.__notes__ == ["raised by what was given to map, for item 1"]


def test_value_that_is_there_is_taken_though_the_time_is_over() -> None:
    futures = deque(concurrent.futures.Future[int]() for _ in range(2))
    for number, future in enumerate(futures):
        future.set_result(number)
    assert next_result(futures, None) == 0
    assert next_result(futures, monotonic() - 1) == 1
    assert not futures


def test_task_that_has_no_value_yet_stays_for_who_cancels_the_rest() -> None:
    futures = deque([concurrent.futures.Future[int]()])
    with pytest.raises(TimeoutError):
        next_result(futures, monotonic() - 1)
    assert len(futures) == 1


def test_tasks_own_timeout_is_raised_as_it_is() -> None:
    futures = deque([concurrent.futures.Future[int]()])
    futures[0].set_exception(TaskExpired("its deadline passed"))
    with pytest.raises(TaskExpired):
        next_result(futures, monotonic() + 1)
