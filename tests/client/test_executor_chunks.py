"""``Executor.map`` with a ``chunksize``: what it gives is what single tasks give. The items: ``call/test_chunk.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from argon.client.client import Client
from argon.client.executor import Executor
from argon.errors import ArgumentNotSerializable, Rejected, RejectReason, RemoteError, ResultNotSerializable, WorkerDied
from tests.support import tasks
from tests.support.in_process import TOKEN, ThreadNetwork, network

MAX = 100_000


@pytest.fixture(scope="module")
def small() -> Iterator[ThreadNetwork]:
    """A network for small payloads: on its node for still smaller ones."""
    with network(max_payload=2 * MAX, node={"max_payload": MAX}) as net:
        yield net


@pytest.fixture
def pool(small: ThreadNetwork) -> Iterator[Executor]:
    with Executor(small.address, token=TOKEN) as pool:
        yield pool


def taken(values: Iterator[Any]) -> tuple[list[Any], BaseException | None]:
    """The values before the first failure, and that."""
    before: list[Any] = []
    try:
        for value in values:
            before.append(value)  # noqa: PERF402 - those before it are wanted
    except Exception as error:  # noqa: BLE001 - whatever it is
        return before, error
    return before, None


@pytest.mark.parametrize("options", [{"chunksize": 1}, {"chunksize": 3}, {"chunksize": 2, "buffersize": 1}])
@pytest.mark.parametrize("function", [tasks.Sum, tasks.SlowSum, "builtins:divmod", divmod])
def test_values_are_those_of_single_tasks(pool: Executor, function: Any, options: dict[str, int]) -> None:
    single = [pool.submit(function, number, 2).result() for number in range(7)]
    assert list(pool.map(function, range(7), [2] * 7, **options)) == single


def decide(number: int) -> Any:
    match number:
        case 4:
            raise ValueError(f"not {number}")
        case 14:
            return (n for n in "abc")
        case 24:
            raise tasks.Unpicklable
        case 34:
            return bytes(MAX + 1)
        case 44:
            tasks.kill_itself()
    return number


@pytest.mark.parametrize("options", [{"chunksize": 1}, {"chunksize": 3}, {"chunksize": 3, "buffersize": 1}])
@pytest.mark.parametrize(
    ("first", "expected"),
    [(0, ValueError), (10, ResultNotSerializable), (20, RemoteError), (30, ResultNotSerializable)],
)
def test_failure_of_an_item_comes_in_its_place(
    pool: Executor, first: int, expected: type[Exception], options: dict[str, int]
) -> None:
    values, error = taken(pool.map(decide, range(first, first + 10), **options))
    assert values == list(range(first, first + 4))
    assert type(error) is expected
    if isinstance(error, RemoteError | ResultNotSerializable):
        assert (error.attempt, error.node != "", error.task_id != "") == (1, True, True)
        assert error.run_s > 0


def test_item_that_ends_its_worker_ends_its_chunk(pool: Executor) -> None:
    values, error = taken(pool.map(decide, range(40, 50), chunksize=3))
    assert values == [40, 41, 42]
    assert isinstance(error, WorkerDied)
    assert error.__notes__ == ["it ended a chunk of Executor.map: its items 3 to 5 were one task"]


def test_results_of_a_chunk_that_are_too_large_together_fail_where_the_room_ends(pool: Executor) -> None:
    values, error = taken(pool.map(bytes, [MAX // 3] * 4, chunksize=4))
    assert len(values) == 2
    assert isinstance(error, ResultNotSerializable)
    assert "smaller chunksize" in str(error)
    assert len(list(pool.map(bytes, [MAX // 3] * 4, chunksize=2))) == 4


def test_results_over_the_limit_of_the_cluster_alone_fail_with_the_first_item() -> None:
    with network(max_payload=MAX) as net, Executor(net.address, token=TOKEN) as pool:
        values, error = taken(pool.map(bytes, [10, MAX // 3, MAX // 3, MAX // 3, MAX // 3], chunksize=5))
        assert values == []
        assert isinstance(error, ResultNotSerializable)
        assert error.__notes__ == ["it ended a chunk of Executor.map: its items 0 to 4 were one task"]


def test_arguments_of_a_chunk_that_are_too_large_together_are_rejected(pool: Executor) -> None:
    values, error = taken(pool.map(len, [bytes([number]) * MAX for number in range(3)], chunksize=3))
    assert values == []
    assert isinstance(error, Rejected)
    assert error.reason is RejectReason.TOO_LARGE
    assert error.__notes__ == ["it ended a chunk of Executor.map: its items 0 to 2 were one task"]


def test_argument_that_cannot_be_pickled_is_named(pool: Executor) -> None:
    with pytest.raises(ArgumentNotSerializable, match=r"args\[1\]\[1\]\[0\]") as caught:
        pool.map(len, ["a", "b", "c", (n for n in "d")], chunksize=2)
    assert "the arguments of item 2 + N" in caught.value.__notes__[0]


def test_chunk_that_fails_leaves_the_other_chunks_cancelled_and_the_pool_at_work(
    small: ThreadNetwork, pool: Executor
) -> None:
    _, error = taken(pool.map(decide, range(100), chunksize=10))
    assert isinstance(error, ValueError)
    assert list(pool.map(decide, range(50, 60), chunksize=4)) == list(range(50, 60))
    with Client(small.address, token=TOKEN) as client:
        assert client.run(decide, 60) == 60
