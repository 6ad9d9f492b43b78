"""One contract, four executors: the standard library's two, and Argon's on a cluster of its own and on another's.

Where the standard library's differ from one another, what they share is tested.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError, Executor, Future, as_completed, wait
from pathlib import Path
from typing import Any

import pytest

import argon
from argon.client.local_cluster import LocalCluster
from tests.contract import tasks
from tests.support.build import IMPORTED_FROM
from tests.support.waiting import WITHIN_S, Gate, wait_until

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
AHEAD = 8  # more than any of them starts, or hands to its workers, before it must

KINDS = ["thread", "process", "argon", "argon-address"]
PROCESS_KINDS = KINDS[1:]
BUFFERED_KINDS = KINDS if sys.version_info >= (3, 14) else KINDS[2:]  # the standard library's map has it since then

NewPool = Callable[[], Executor]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster that outlives the executors which use it."""
    cluster = LocalCluster(WORKERS)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module", params=KINDS)
def new_pool(request: pytest.FixtureRequest) -> NewPool:
    """Makes an executor of the kind under test, with two workers."""

    def make() -> Executor:
        match request.param:
            case "thread":
                return concurrent.futures.ThreadPoolExecutor(WORKERS)
            case "process":  # this process has threads, so it must not be forked
                return concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("forkserver"))
            case "argon":
                return argon.Executor(max_workers=WORKERS)
            case _:
                cluster = request.getfixturevalue("cluster")
                return argon.Executor(cluster.address, token=cluster.token)

    return make


@pytest.fixture(scope="module")
def pool(new_pool: NewPool) -> Iterator[Executor]:
    """An executor that the tests of a kind share; none of them breaks it."""
    with new_pool() as pool:
        yield pool


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with Gate(tmp_path / "gate") as gate:
        yield gate


def hold_all(pool: Executor, gate: Gate, folder: Path) -> list[Future[int]]:
    """Keeps every worker of the pool busy until the gate is opened."""
    paths = [folder / f"started-{index}" for index in range(WORKERS)]
    held = [pool.submit(tasks.hold, str(path), gate.path) for path in paths]
    wait_until(lambda: all(path.exists() for path in paths))
    return held


# ---- submit and its future -----------------------------------------------------------------------------------------


def test_executor_is_one_of_the_standard_library(pool: Executor) -> None:
    assert isinstance(pool, concurrent.futures.Executor)


def test_submit_gives_a_future_of_the_value(pool: Executor) -> None:
    future = pool.submit(tasks.double, 21)
    assert isinstance(future, Future)
    assert future.result(WITHIN_S) == 42
    assert future.exception() is None
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)


def test_submit_takes_every_name_of_a_keyword(pool: Executor) -> None:
    future = pool.submit(tasks.both, 1, fn=2, self=3, timeout=4)
    assert future.result(WITHIN_S) == ((1,), {"fn": 2, "self": 3, "timeout": 4})


def test_large_argument_comes_back_as_it_was(pool: Executor) -> None:
    block = os.urandom(1 << 20)
    assert pool.submit(tasks.both, block).result(WITHIN_S) == ((block,), {})


def test_exception_is_raised_as_itself(pool: Executor) -> None:
    future = pool.submit(tasks.refuse, 5)
    with pytest.raises(tasks.Refusal) as raised:
        future.result(WITHIN_S)
    assert raised.value.args == (5, "not today")
    assert raised.value.code == 5
    assert type(future.exception()) is tasks.Refusal
    assert future.done()


@pytest.mark.parametrize("new_pool", PROCESS_KINDS, indirect=True)
def test_exception_has_the_remote_traceback_as_its_cause(pool: Executor) -> None:
    error = pool.submit(tasks.refuse, 5).exception(WITHIN_S)
    assert error is not None
    assert "in refuse" in str(error.__cause__)


@pytest.mark.parametrize("new_pool", PROCESS_KINDS, indirect=True)
def test_argument_that_cannot_travel_is_a_type_error_of_that_task_alone(pool: Executor) -> None:
    other = pool.submit(tasks.double, 1)
    with pytest.raises(TypeError, match="lock"):
        pool.submit(tasks.both, threading.Lock()).result(WITHIN_S)
    assert other.result(WITHIN_S) == 2
    assert pool.submit(tasks.double, 2).result(WITHIN_S) == 4


def test_result_that_takes_too_long_is_a_timeout_and_comes_later(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    future = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    with pytest.raises(TimeoutError):
        future.result(0.01)
    with pytest.raises(TimeoutError):
        future.exception(0.01)
    assert not future.done()
    gate.open()
    assert isinstance(future.result(WITHIN_S), int)


def test_future_of_a_task_that_runs_is_running_and_not_done(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    future, _ = hold_all(pool, gate, tmp_path)
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    gate.open()
    future.result(WITHIN_S)
    assert not future.running()


# ---- cancelling ----------------------------------------------------------------------------------------------------


def test_cancel_of_a_queued_task_succeeds_and_it_never_runs(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    held = hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.touch, str(tmp_path / f"ran-{index}")) for index in range(AHEAD)]
    last = queued.pop()
    assert last.cancel() is True
    assert (last.done(), last.running(), last.cancelled()) == (True, False, True)
    assert last.cancel() is True  # again
    with pytest.raises(CancelledError):
        last.result(WITHIN_S)
    with pytest.raises(CancelledError):
        last.exception(WITHIN_S)
    gate.open()
    wait([*held, *queued], WITHIN_S)
    assert [path.name for path in sorted(tmp_path.glob("ran-*"))] == [f"ran-{index}" for index in range(AHEAD - 1)]


def test_cancel_of_a_running_task_fails_and_it_ends_as_usual(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    future, _ = hold_all(pool, gate, tmp_path)
    asked_at = time.monotonic()
    assert future.cancel() is False
    assert time.monotonic() - asked_at < 5.0
    assert not future.cancelled()
    gate.open()
    assert isinstance(future.result(WITHIN_S), int)


def test_cancel_of_a_done_task_fails(pool: Executor) -> None:
    future = pool.submit(tasks.double, 1)
    future.result(WITHIN_S)
    assert future.cancel() is False
    assert not future.cancelled()


# ---- callbacks -----------------------------------------------------------------------------------------------------


def test_callback_gets_the_future_when_it_is_done(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    future, _ = hold_all(pool, gate, tmp_path)
    seen: list[tuple[str, Future[int], bool]] = []
    called = threading.Event()
    future.add_done_callback(lambda done: seen.append(("first", done, done.done())))
    future.add_done_callback(lambda done: (seen.append(("second", done, done.done())), called.set()))
    assert not seen
    gate.open()
    assert called.wait(WITHIN_S)
    assert seen == [("first", future, True), ("second", future, True)]


def test_callback_added_when_it_is_done_is_called_at_once(pool: Executor) -> None:
    future = pool.submit(tasks.double, 1)
    future.result(WITHIN_S)
    seen: list[tuple[Future[int], threading.Thread]] = []
    future.add_done_callback(lambda done: seen.append((done, threading.current_thread())))
    assert seen == [(future, threading.current_thread())]


def test_callback_is_called_when_the_task_is_cancelled(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
    called = threading.Event()
    queued[-1].add_done_callback(lambda done: called.set() if done.cancelled() else None)
    assert queued[-1].cancel()
    assert called.is_set()


def test_callback_that_raises_does_not_hurt_the_next(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    future, other = hold_all(pool, gate, tmp_path)
    called = threading.Event()
    future.add_done_callback(lambda done: 1 / 0)
    future.add_done_callback(lambda done: called.set())
    gate.open()
    assert called.wait(WITHIN_S)
    assert isinstance(other.result(WITHIN_S), int)
    assert pool.submit(tasks.double, 4).result(WITHIN_S) == 8


def test_callback_may_submit_another_task(pool: Executor) -> None:
    second: Future[int] = Future()

    def go_on(done: Future[int]) -> None:
        pool.submit(tasks.double, done.result()).add_done_callback(lambda next_: second.set_result(next_.result()))

    pool.submit(tasks.double, 1).add_done_callback(go_on)
    assert second.result(WITHIN_S) == 4


# ---- several futures -----------------------------------------------------------------------------------------------


def test_as_completed_gives_each_once_and_the_early_ones_first(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = [pool.submit(tasks.double, number) for number in range(5)]
    order = as_completed([late, *early], WITHIN_S)
    first = [next(order) for _ in early]
    assert set(first) == set(early)
    gate.open()
    assert list(order) == [late]


def test_as_completed_raises_when_the_time_is_up(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    held = hold_all(pool, gate, tmp_path)
    with pytest.raises(TimeoutError):
        list(as_completed(held, 0.01))


def test_wait_for_the_first_returns_while_others_run(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = pool.submit(tasks.double, 1)
    done, left = wait([late, early], WITHIN_S, FIRST_COMPLETED)
    assert (done, left) == ({early}, {late})


def test_wait_for_an_exception_returns_at_the_first(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    good = pool.submit(tasks.double, 1)
    assert good.result(WITHIN_S) == 2
    bad = pool.submit(tasks.refuse, 1)
    done, left = wait([late, good, bad], WITHIN_S, FIRST_EXCEPTION)
    assert (done, left) == ({good, bad}, {late})


def test_wait_for_an_exception_returns_when_there_is_none(pool: Executor) -> None:
    futures = [pool.submit(tasks.double, number) for number in range(5)]
    done, left = wait(futures, WITHIN_S, FIRST_EXCEPTION)
    assert (done, left) == (set(futures), set())


def test_wait_returns_what_is_done_when_the_time_is_up(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = pool.submit(tasks.double, 1)
    early.result(WITHIN_S)
    done, left = wait([late, early], 0.01)
    assert (done, left) == ({early}, {late})


def test_wait_counts_a_cancelled_task_as_done(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
    assert queued[-1].cancel()
    gate.open()
    done, left = wait(queued, WITHIN_S)
    assert (done, left) == (set(queued), set())


# ---- map -----------------------------------------------------------------------------------------------------------


def test_map_gives_the_values_in_order(pool: Executor) -> None:
    assert list(pool.map(tasks.double, range(50))) == list(range(0, 100, 2))


def test_map_keeps_the_order_when_a_later_one_ends_first(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    with Gate(tmp_path / "open") as open_gate:
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


def test_map_raises_when_the_time_is_up(pool: Executor, gate: Gate, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
@pytest.mark.parametrize(("chunksize", "buffersize"), [(1, 1), (1, 3), (1, 100), (3, 1), (3, 2), (100, 1)])
def test_map_with_a_buffer_gives_the_same(pool: Executor, chunksize: int, buffersize: int) -> None:
    values = pool.map(tasks.add, range(10), range(11), chunksize=chunksize, buffersize=buffersize)
    assert list(values) == list(range(0, 20, 2))


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
def test_map_with_a_buffer_reads_on_only_when_a_value_is_taken(pool: Executor) -> None:
    read: list[int] = []
    values = pool.map(tasks.double, counted(5, read), buffersize=2)
    assert read == [0, 1]
    assert next(values) == 0
    assert read == [0, 1, 2]
    assert list(values) == [2, 4, 6, 8]


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS[-2:], indirect=True)  # threads have no chunks
def test_map_with_a_buffer_counts_tasks_and_not_items(pool: Executor) -> None:
    read: list[int] = []
    values = pool.map(tasks.double, counted(20, read), chunksize=3, buffersize=2)
    assert len(read) == 6
    assert next(values) == 0
    assert len(read) == 9
    assert len(list(values)) == 19


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
def test_map_with_a_buffer_takes_what_never_ends(pool: Executor) -> None:
    values = pool.map(tasks.double, itertools.count(), buffersize=4)
    assert list(itertools.islice(values, 30)) == list(range(0, 60, 2))
    values.close()  # type: ignore[attr-defined]  # all of them are generators
    assert pool.submit(tasks.double, 3).result(WITHIN_S) == 6


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
def test_map_with_a_buffer_raises_when_the_time_is_up(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    starts = [str(tmp_path / f"started-{index}") for index in range(3)]
    with pytest.raises(TimeoutError):
        list(pool.map(tasks.hold, starts, [gate.path] * 3, timeout=0.05, buffersize=2))
    gate.open()
    assert list(pool.map(tasks.double, [1, 2], timeout=WITHIN_S, buffersize=1)) == [2, 4]


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
def test_map_closed_early_cancels_what_is_in_its_buffer(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    starts = [str(tmp_path / f"started-{index}") for index in range(2 * AHEAD)]
    with Gate(tmp_path / "open") as open_gate:
        open_gate.open()
        gates = [open_gate.path] + [gate.path] * (2 * AHEAD - 1)
        values = pool.map(tasks.hold, starts, gates, buffersize=2 * AHEAD)
        assert isinstance(next(values), int)
    values.close()  # type: ignore[attr-defined]  # all of them are generators
    gate.open()
    assert list(pool.map(tasks.double, range(AHEAD))) == list(range(0, 2 * AHEAD, 2))
    assert not Path(starts[-1]).exists()


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
@pytest.mark.parametrize(
    ("buffersize", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_map_refuses_a_buffersize_that_is_no_positive_number(
    pool: Executor, buffersize: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="buffersize must be"):
        pool.map(tasks.double, [1], buffersize=buffersize)


@pytest.mark.parametrize("new_pool", BUFFERED_KINDS, indirect=True)
def test_map_with_a_buffer_goes_no_further_after_shutdown(new_pool: NewPool) -> None:
    pool = new_pool()
    values = pool.map(tasks.double, range(5), buffersize=2)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        next(values)


# ---- shutting down -------------------------------------------------------------------------------------------------


def test_submit_after_shutdown_is_refused(new_pool: NewPool) -> None:
    pool = new_pool()
    assert pool.submit(tasks.double, 1).result(WITHIN_S) == 2
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(tasks.double, 1)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.map(tasks.double, [1])
    pool.shutdown()  # again


def test_shutdown_without_waiting_returns_and_what_is_here_completes(
    new_pool: NewPool, gate: Gate, tmp_path: Path
) -> None:
    pool = new_pool()
    held = hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
    pool.shutdown(wait=False)
    assert not any(future.done() for future in held)
    gate.open()
    assert [future.result(WITHIN_S) for future in queued] == [2 * number for number in range(AHEAD)]
    assert all(isinstance(future.result(WITHIN_S), int) for future in held)
    pool.shutdown()


def test_shutdown_that_cancels_ends_the_waiting_and_lets_the_running_finish(
    new_pool: NewPool, gate: Gate, tmp_path: Path
) -> None:
    pool = new_pool()
    held = hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.touch, str(tmp_path / f"ran-{index}")) for index in range(2 * AHEAD)]
    pool.shutdown(wait=False, cancel_futures=True)
    wait_until(lambda: all(future.cancelled() for future in queued[AHEAD:]))
    assert not any(future.done() for future in held)
    gate.open()
    assert all(isinstance(future.result(WITHIN_S), int) for future in held)
    wait_until(lambda: all(future.done() for future in queued))
    pool.shutdown()
    ran = [not future.cancelled() for future in queued]
    assert [(tmp_path / f"ran-{index}").exists() for index in range(2 * AHEAD)] == ran


def test_context_manager_waits_for_what_is_here(new_pool: NewPool, gate: Gate, tmp_path: Path) -> None:
    with new_pool() as pool:
        held = hold_all(pool, gate, tmp_path)
        queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
        threading.Timer(0.05, gate.open).start()
    assert all(future.done() for future in [*held, *queued])
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(tasks.double, 1)


@pytest.mark.parametrize(
    "pool_expression",
    [
        "concurrent.futures.ThreadPoolExecutor(1)",
        "concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('forkserver'))",
        "argon.Executor(max_workers=1)",
    ],
)
def test_program_that_forgets_to_shut_down_ends_when_its_tasks_are_done(pool_expression: str) -> None:
    program = f"""
if __name__ == "__main__":
    import argon, concurrent.futures, multiprocessing
    from tests.contract import tasks
    pool = {pool_expression}
    for number in range(3):
        pool.submit(tasks.double, number).add_done_callback(lambda done: print(done.result(), flush=True))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), IMPORTED_FROM])}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=2 * WITHIN_S, env=environment
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "0\n2\n4\n", "")


@pytest.mark.parametrize("workers", [0, -1])
@pytest.mark.parametrize(
    "make",
    [concurrent.futures.ThreadPoolExecutor, concurrent.futures.ProcessPoolExecutor, argon.Executor],
)
def test_workers_below_one_are_refused(make: Callable[..., Executor], workers: int) -> None:
    with pytest.raises(ValueError, match="max_workers"):
        make(max_workers=workers)


# ---- other callers -------------------------------------------------------------------------------------------------


def test_event_loop_runs_functions_in_it(pool: Executor) -> None:
    async def ask() -> list[int | BaseException]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, tasks.double, number) for number in range(10)]
        return await asyncio.gather(*calls, loop.run_in_executor(pool, tasks.refuse, 3), return_exceptions=True)

    *values, error = asyncio.run(ask())
    assert values == list(range(0, 20, 2))
    assert isinstance(error, tasks.Refusal)


def test_event_loop_that_gives_up_waiting_goes_on(pool: Executor, gate: Gate, tmp_path: Path) -> None:
    held = hold_all(pool, gate, tmp_path)

    async def give_up() -> None:
        call = asyncio.get_running_loop().run_in_executor(pool, tasks.double, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.02)

    asyncio.run(give_up())
    gate.open()
    assert all(isinstance(future.result(WITHIN_S), int) for future in held)


def test_many_threads_may_submit_at_once(pool: Executor) -> None:
    sums: list[int] = []
    begin = threading.Barrier(8)

    def submit_some(first: int) -> None:
        begin.wait(WITHIN_S)
        futures = [pool.submit(tasks.double, number) for number in range(first, first + 50)]
        sums.append(sum(future.result(WITHIN_S) for future in futures))

    threads = [threading.Thread(target=submit_some, args=(50 * index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * WITHIN_S)
    assert sum(sums) == 2 * sum(range(400))
    assert len(sums) == 8
