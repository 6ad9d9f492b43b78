"""The contract's part about ``map``, with and without a buffer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

from tests.contract import tasks
from tests.contract.conftest import AHEAD, KINDS_OF_3_14, PROCESS_KINDS, NewPool
from tests.support.waiting import WITHIN_S, SharedGate, wait_until


def test_map_gives_the_values_in_order(pool: Executor) -> None:
    assert list(pool.map(tasks.double, range(50))) == list(range(0, 100, 2))


def test_map_keeps_the_order_when_a_later_one_ends_first(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    with SharedGate(tmp_path / "open") as open_gate:
        open_gate.open()
        values = pool.map(tasks.double_at_gate, [1, 2], [gate.path, open_gate.path])
        gate.open()
        assert list(values) == [2, 4]


def test_map_takes_several_iterables_and_ends_with_the_shortest(pool: Executor) -> None:
    assert list(pool.map(tasks.add, [1, 2, 3], [10, 20], [100, 200, 300, 400])) == [111, 222]


def test_map_of_nothing_is_nothing(pool: Executor) -> None:
    assert list(pool.map(tasks.double, [])) == []


def test_map_begins_before_anybody_asks_for_a_value(pool: Executor, tmp_path: Path) -> None:
    values = pool.map(tasks.touch, [str(tmp_path / "ran")])
    wait_until((tmp_path / "ran").exists)
    assert list(values) == [str(tmp_path / "ran")]


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_map_in_chunks_gives_the_same(pool: Executor, chunksize: int) -> None:
    assert list(pool.map(tasks.add, range(10), range(10), chunksize=chunksize)) == list(range(0, 20, 2))


@pytest.mark.parametrize("new_pool", PROCESS_KINDS, indirect=True)  # threads have no chunks
@pytest.mark.parametrize("chunksize", [0, -1])
def test_map_refuses_a_chunksize_below_one(pool: Executor, chunksize: int) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        pool.map(tasks.double, [1], chunksize=chunksize)


def test_map_raises_an_exception_in_its_place(pool: Executor) -> None:
    values = pool.map(tasks.reciprocal, [1, 2, 0, 4])
    assert [next(values), next(values)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(values)
    with pytest.raises(StopIteration):
        next(values)


def test_map_raises_when_the_time_is_up(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    starts = [str(tmp_path / f"started-{index}") for index in range(2)]
    with pytest.raises(TimeoutError):
        list(pool.map(tasks.hold, starts, [gate.path] * 2, timeout=0.05))
    gate.open()
    assert list(pool.map(tasks.double, [1, 2], timeout=WITHIN_S)) == [2, 4]


def test_map_closed_early_lets_the_pool_go_on(pool: Executor) -> None:
    values = pool.map(tasks.double, range(100))
    assert next(values) == 0
    values.close()  # type: ignore[attr-defined]  # all of them are generators
    assert pool.submit(tasks.double, 3).result(WITHIN_S) == 6


def counted(last: int, read: list[int]) -> Iterator[int]:
    """Numbers, which are noted when they are read."""
    for number in range(last):
        read.append(number)
        yield number


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
@pytest.mark.parametrize(("chunksize", "buffersize"), [(1, 1), (1, 3), (1, 100), (3, 1), (3, 2), (100, 1)])
def test_map_with_a_buffer_gives_the_same(pool: Executor, chunksize: int, buffersize: int) -> None:
    values = pool.map(tasks.add, range(10), range(11), chunksize=chunksize, buffersize=buffersize)
    assert list(values) == list(range(0, 20, 2))


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
def test_map_with_a_buffer_reads_on_only_when_a_value_is_taken(pool: Executor) -> None:
    read: list[int] = []
    values = pool.map(tasks.double, counted(5, read), buffersize=2)
    assert read == [0, 1]
    assert next(values) == 0
    assert read == [0, 1, 2]
    assert list(values) == [2, 4, 6, 8]


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14[-2:], indirect=True)  # threads have no chunks
def test_map_with_a_buffer_counts_tasks_and_not_items(pool: Executor) -> None:
    read: list[int] = []
    values = pool.map(tasks.double, counted(20, read), chunksize=3, buffersize=2)
    assert len(read) == 6
    assert next(values) == 0
    assert len(read) == 9
    assert len(list(values)) == 19


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
def test_map_with_a_buffer_takes_what_never_ends(pool: Executor) -> None:
    values = pool.map(tasks.double, itertools.count(), buffersize=4)
    assert list(itertools.islice(values, 30)) == list(range(0, 60, 2))
    values.close()  # type: ignore[attr-defined]  # all of them are generators
    assert pool.submit(tasks.double, 3).result(WITHIN_S) == 6


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
def test_map_with_a_buffer_raises_when_the_time_is_up(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    starts = [str(tmp_path / f"started-{index}") for index in range(3)]
    with pytest.raises(TimeoutError):
        list(pool.map(tasks.hold, starts, [gate.path] * 3, timeout=0.05, buffersize=2))
    gate.open()
    assert list(pool.map(tasks.double, [1, 2], timeout=WITHIN_S, buffersize=1)) == [2, 4]


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
def test_map_closed_early_cancels_what_is_in_its_buffer(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    starts = [str(tmp_path / f"started-{index}") for index in range(2 * AHEAD)]
    with SharedGate(tmp_path / "open") as open_gate:
        open_gate.open()
        gates = [open_gate.path] + [gate.path] * (2 * AHEAD - 1)
        values = pool.map(tasks.hold, starts, gates, buffersize=2 * AHEAD)
        assert isinstance(next(values), int)
    values.close()  # type: ignore[attr-defined]  # all of them are generators
    gate.open()
    assert list(pool.map(tasks.double, range(AHEAD))) == list(range(0, 2 * AHEAD, 2))
    assert not Path(starts[-1]).exists()


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
@pytest.mark.parametrize(
    ("buffersize", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_map_refuses_a_buffersize_that_is_no_positive_number(
    pool: Executor, buffersize: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="buffersize must be"):
        pool.map(tasks.double, [1], buffersize=buffersize)


@pytest.mark.parametrize("new_pool", KINDS_OF_3_14, indirect=True)
def test_map_with_a_buffer_goes_no_further_after_shutdown(new_pool: NewPool) -> None:
    pool = new_pool()
    values = pool.map(tasks.double, range(5), buffersize=2)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        next(values)
