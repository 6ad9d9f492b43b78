"""How an executor ends: shut down, forgotten by its program, or with its workers ended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from tests.contract import tasks
from tests.contract.conftest import AHEAD, KINDS_OF_3_14, NewPool, hold_all
from tests.support.build import IMPORTED_FROM
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

ROOT = Path(__file__).resolve().parents[2]


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


def test_shutdown_waits_for_what_is_here(new_pool: NewPool, gate: SharedGate, tmp_path: Path) -> None:
    pool = new_pool()
    held = hold_all(pool, gate, tmp_path)
    opening = threading.Timer(0.1, gate.open)
    opening.start()
    pool.shutdown()
    assert all(future.done() for future in held)
    opening.join()


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


@pytest.mark.parametrize("new_pool", [kind for kind in KINDS_OF_3_14 if kind != "thread"], indirect=True)
@pytest.mark.parametrize("end", ["terminate_workers", "kill_workers"])
def test_workers_that_are_ended_end_every_task_and_the_pool(
    new_pool: NewPool, end: str, gate: SharedGate, tmp_path: Path
) -> None:
    pool = new_pool()
    held = hold_all(pool, gate, tmp_path)
    queued = [pool.submit(tasks.double, number) for number in range(2 * AHEAD)]
    getattr(pool, end)()
    for future in held:
        with pytest.raises(BrokenProcessPool):
            future.result(WITHIN_S)
    for future in queued:  # the standard library cancels those that it had not handed to a worker yet
        with pytest.raises((CancelledError, BrokenProcessPool)):
            future.result(WITHIN_S)
    with pytest.raises(RuntimeError):
        pool.submit(tasks.double, 1)
    pool.shutdown()
