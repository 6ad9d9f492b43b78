"""One contract, four executors: the standard library's two, and Argon's on a cluster of its own and on another's.

Where the standard library's differ from one another, what they share is tested.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    as_completed,
    wait,
)
from pathlib import Path
from typing import Any

import pytest

import argon
from tests.contract import tasks
from tests.contract.conftest import AHEAD, KINDS_OF_3_14, PROCESS_KINDS, NewPool, hold_all
from tests.support.build import IMPORTED_FROM
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

ROOT = Path(__file__).resolve().parents[2]


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


def test_result_that_takes_too_long_is_a_timeout_and_comes_later(
    pool: Executor, gate: SharedGate, tmp_path: Path
) -> None:
    future = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    with pytest.raises(TimeoutError):
        future.result(0.01)
    with pytest.raises(TimeoutError):
        future.exception(0.01)
    assert not future.done()
    gate.open()
    assert isinstance(future.result(WITHIN_S), int)


def test_future_of_a_task_that_runs_is_running_and_not_done(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    future, _ = hold_all(pool, gate, tmp_path)
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    gate.open()
    future.result(WITHIN_S)
    assert not future.running()


# ---- cancelling ----------------------------------------------------------------------------------------------------


def test_cancel_of_a_queued_task_succeeds_and_it_never_runs(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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


def test_cancel_of_a_running_task_fails_and_it_ends_as_usual(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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


def test_callback_gets_the_future_when_it_is_done(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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


def test_callback_is_called_when_the_task_is_cancelled(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
    called = threading.Event()
    queued[-1].add_done_callback(lambda done: called.set() if done.cancelled() else None)
    assert queued[-1].cancel()
    assert called.is_set()


def test_callback_that_raises_does_not_hurt_the_next(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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


def test_as_completed_gives_each_once_and_the_early_ones_first(
    pool: Executor, gate: SharedGate, tmp_path: Path
) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = [pool.submit(tasks.double, number) for number in range(5)]
    order = as_completed([late, *early], WITHIN_S)
    first = [next(order) for _ in early]
    assert set(first) == set(early)
    gate.open()
    assert list(order) == [late]


def test_as_completed_raises_when_the_time_is_up(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    held = hold_all(pool, gate, tmp_path)
    with pytest.raises(TimeoutError):
        list(as_completed(held, 0.01))


def test_wait_for_the_first_returns_while_others_run(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = pool.submit(tasks.double, 1)
    done, left = wait([late, early], WITHIN_S, FIRST_COMPLETED)
    assert (done, left) == ({early}, {late})


def test_wait_for_an_exception_returns_at_the_first(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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


def test_wait_returns_what_is_done_when_the_time_is_up(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    late = pool.submit(tasks.hold, str(tmp_path / "started"), gate.path)
    early = pool.submit(tasks.double, 1)
    early.result(WITHIN_S)
    done, left = wait([late, early], 0.01)
    assert (done, left) == ({early}, {late})


def test_wait_counts_a_cancelled_task_as_done(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
    hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(AHEAD)]
    assert queued[-1].cancel()
    gate.open()
    done, left = wait(queued, WITHIN_S)
    assert (done, left) == (set(queued), set())


# ---- shutting down -------------------------------------------------------------------------------------------------


def test_submit_after_shutdown_is_refused(new_pool: NewPool) -> None:
    pool = new_pool()
    assert pool.submit(tasks.double, 1).result(WITHIN_S) == 2
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(tasks.double, 1)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.map(tasks.double, [1])
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(tasks.both, threading.Lock())  # its argument is not looked at
    pool.shutdown()  # again


def test_shutdown_without_waiting_returns_and_what_is_here_completes(
    new_pool: NewPool, gate: SharedGate, tmp_path: Path
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
    new_pool: NewPool, gate: SharedGate, tmp_path: Path
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


def test_context_manager_waits_for_what_is_here(new_pool: NewPool, gate: SharedGate, tmp_path: Path) -> None:
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


# ---- what is no argument -------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("new_pool", [kind for kind in KINDS_OF_3_14 if kind != "thread"], indirect=True)
@pytest.mark.parametrize("end", ["terminate_workers", "kill_workers"])
def test_workers_that_are_ended_end_every_task_and_the_pool(
    new_pool: NewPool, end: str, gate: SharedGate, tmp_path: Path
) -> None:
    pool = new_pool()
    held = hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(2 * AHEAD)]
    getattr(pool, end)()
    for future in [*held, *queued]:
        with pytest.raises((CancelledError, BrokenExecutor)):
            future.result(WITHIN_S)
    with pytest.raises(RuntimeError):
        pool.submit(tasks.double, 1)
    pool.shutdown()


# ---- other callers -------------------------------------------------------------------------------------------------


def test_event_loop_runs_functions_in_it(pool: Executor) -> None:
    async def ask() -> list[int | BaseException]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, tasks.double, number) for number in range(10)]
        return await asyncio.gather(*calls, loop.run_in_executor(pool, tasks.refuse, 3), return_exceptions=True)

    *values, error = asyncio.run(ask())
    assert values == list(range(0, 20, 2))
    assert isinstance(error, tasks.Refusal)


def test_event_loop_that_gives_up_waiting_goes_on(pool: Executor, gate: SharedGate, tmp_path: Path) -> None:
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
