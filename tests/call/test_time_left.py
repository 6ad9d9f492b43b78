"""What a task is told of its time, and what its own tasks are given of it, on real workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

import argon
from argon.call.time_left import current_deadline, deadline_of, set_deadline, time_left
from argon.scheduling.task_options import TaskOptions
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, ThreadNetwork, eventually, lines, network

LONG_S = 60.0
TIME_LEFT = "argon:time_left"


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    """Two workers, so that a task can wait for another."""
    with network(workers=2) as net:
        yield net


@pytest.fixture
def here() -> Iterator[None]:
    yield
    set_deadline(inf)


def test_outside_of_tasks_there_is_no_end() -> None:
    assert argon.time_left() is None
    assert current_deadline() == inf


@pytest.mark.usefixtures("here")
def test_deadline_counts_down_and_stays_at_nothing() -> None:
    set_deadline(time.monotonic() + LONG_S)
    first, second = time_left(), time_left()
    assert first is not None
    assert second is not None
    assert 0.0 < second <= first <= LONG_S
    set_deadline(time.monotonic() - 1.0)
    assert time_left() == 0.0


def test_deadline_is_the_moment_at_which_the_timeout_passes() -> None:
    before = time.monotonic()
    assert before + 5 <= deadline_of(TaskOptions(timeout_s=5.0)) <= time.monotonic() + 5
    assert deadline_of(TaskOptions()) == inf


@pytest.mark.parametrize(("own_s", "rest_s", "least_s"), [(None, 5.0, 5.0), (9.0, 5.0, 5.0), (2.0, 5.0, 2.0)])
def test_deadline_is_no_later_than_that_of_the_task_that_submits(
    own_s: float | None, rest_s: float, least_s: float
) -> None:
    before = time.monotonic()
    set_deadline(before + rest_s)
    try:
        assert before + least_s <= deadline_of(TaskOptions(timeout_s=own_s)) <= time.monotonic() + least_s
    finally:
        set_deadline(inf)


def test_task_is_told_what_remains_of_its_timeout_and_another_that_there_is_none(net: ThreadNetwork) -> None:
    with net.client() as client:
        for _ in range(4):  # the worker of a timed task serves another after it
            left = client.with_options(timeout=LONG_S).run(TIME_LEFT)
            assert 0.0 < left < LONG_S
            assert client.run(TIME_LEFT) is None


def test_thread_of_a_task_is_told_the_same(net: ThreadNetwork) -> None:
    with net.client() as client:
        assert 0.0 < client.with_options(timeout=LONG_S).run(tasks.in_thread, TIME_LEFT) < LONG_S


@pytest.mark.parametrize("api", ["Client", "AsyncClient", "Executor"])
def test_task_of_a_task_has_no_more_time_than_that_one(net: ThreadNetwork, api: str) -> None:
    with net.client() as client:
        hand_on = (tasks.hand_on, net.address, TOKEN, api, None, TIME_LEFT)
        assert 0.0 < client.with_options(timeout=LONG_S).run(*hand_on) < LONG_S
        assert client.run(*hand_on) is None


def test_task_of_a_task_keeps_a_shorter_timeout_of_its_own(net: ThreadNetwork) -> None:
    with net.client() as client:
        timed = client.with_options(timeout=LONG_S)
        assert timed.run(tasks.hand_on, net.address, TOKEN, "Client", LONG_S / 2, TIME_LEFT) <= LONG_S / 2
        assert timed.run(tasks.hand_on, net.address, TOKEN, "Client", LONG_S * 2, TIME_LEFT) <= LONG_S


def test_task_of_a_task_is_killed_at_the_deadline_of_that_one(tmp_path: Path, net: ThreadNetwork) -> None:
    """The outer task outlives its SIGTERM for as long as it takes to tell how the inner one ended."""
    path = tmp_path / "said"
    with net.client() as client:
        future = client.with_options(timeout=0.5).submit(
            tasks.tell_how_it_ended, str(path), net.address, TOKEN, "time:sleep", LONG_S
        )
        assert isinstance(future.exception(LONG_S), argon.TaskExpired)
    eventually(path.exists)
    eventually(lambda: lines(path))
    assert lines(path) == ["TaskExpired-yes"]
