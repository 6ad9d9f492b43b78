"""Tasks that are submitted one by one: their futures, cancelling, callbacks, and other callers than one thread.

Where the standard library's executors differ from one another, what they share is tested.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
from concurrent.futures import CancelledError, Executor, Future, wait
from pathlib import Path

import pytest

from tests.contract import tasks
from tests.contract.conftest import AHEAD, PROCESS_KINDS, hold_all
from tests.support.waiting import WITHIN_S, SharedGate

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
