"""Waiting for several futures of an executor: `wait` and `as_completed`."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Executor, as_completed, wait
from pathlib import Path

import pytest

from tests.contract import tasks
from tests.contract.conftest import AHEAD, hold_all
from tests.support.waiting import WITHIN_S, SharedGate


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
