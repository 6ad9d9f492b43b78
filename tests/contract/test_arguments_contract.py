"""What an executor refuses: arguments that are none, to itself, to submit and to map."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

import argon
from tests.contract import tasks
from tests.contract.conftest import PROCESS_KINDS
from tests.support.waiting import WITHIN_S, SharedGate


@pytest.mark.parametrize("workers", [0, -1])
@pytest.mark.parametrize(
    "make",
    [concurrent.futures.ThreadPoolExecutor, concurrent.futures.ProcessPoolExecutor, argon.Executor],
)
def test_workers_below_one_are_refused(make: Callable[..., Executor], workers: int) -> None:
    with pytest.raises(ValueError, match=r"^max_workers must be greater than 0$"):
        make(max_workers=workers)


@pytest.mark.parametrize("make", [concurrent.futures.ProcessPoolExecutor, argon.Executor])
def test_workers_that_are_no_integer_are_a_type_error(make: Callable[..., Executor]) -> None:
    with pytest.raises(TypeError, match=r"^'float' object cannot be interpreted as an integer$"):
        make(max_workers=1.5)
    with pytest.raises(TypeError, match="'str'"):
        make(max_workers="2")


@pytest.mark.parametrize("make", [concurrent.futures.ThreadPoolExecutor, argon.Executor])
def test_workers_may_be_whatever_stands_for_an_integer(make: Callable[..., Executor]) -> None:
    with make(max_workers=True) as pool:
        assert pool.submit(tasks.double, 2).result(WITHIN_S) == 4


def test_submit_without_a_function_is_a_type_error(pool: Executor) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'fn'"):
        pool.submit()  # type: ignore[call-arg]


@pytest.mark.parametrize("nothing", [5, None])
def test_submit_of_what_is_not_callable_is_a_type_error(pool: Executor, nothing: Any) -> None:
    with pytest.raises(TypeError, match="callable"):
        pool.submit(nothing).result(WITHIN_S)


def test_map_of_what_is_no_iterable_or_with_what_is_no_time_is_a_type_error(pool: Executor) -> None:
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        pool.map(tasks.double, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="can only concatenate str"):
        pool.map(tasks.double, [1], timeout="soon")  # type: ignore[arg-type]


def test_map_with_no_time_left_raises_at_the_first_that_is_not_done(
    pool: Executor, gate: SharedGate, tmp_path: Path
) -> None:
    for timeout in (0, -1):
        with pytest.raises(TimeoutError):
            list(pool.map(tasks.hold, [str(tmp_path / "started")], [gate.path], timeout=timeout))
    gate.open()


@pytest.mark.parametrize("new_pool", PROCESS_KINDS, indirect=True)  # threads have no chunks
def test_chunksize_that_is_no_integer_is_refused(pool: Executor) -> None:
    with pytest.raises((TypeError, ValueError), match="integer"):  # the one since Python 3.13, the other before
        list(pool.map(tasks.double, [1, 2], chunksize=1.5))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'str'"):
        pool.map(tasks.double, [1, 2], chunksize="2")  # type: ignore[arg-type]


def test_argument_that_none_of_them_knows_is_a_type_error(pool: Executor) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'retries'"):
        type(pool)(retries=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'retries'"):
        pool.map(tasks.double, [1], retries=3)  # type: ignore[call-arg]
