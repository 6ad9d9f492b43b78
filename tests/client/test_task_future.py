"""The future of a task: it ends once, whoever ends it, and everybody who waits in any of the standard ways wakes."""

from __future__ import annotations

import concurrent.futures
import threading
from concurrent.futures import CancelledError, Future
from typing import Any, cast

import pytest

from argon.call.failure import pack_failure
from argon.call.payload import pack_result
from argon.client import task_future
from argon.client.loop_thread import LoopThread
from argon.client.task_future import TaskFuture
from argon.client.usage_guards import UsageGuards
from argon.protocol.messages import Entered, Outcome, Status

WITHIN_S = 10.0


class NoShell:
    """What a future asks of the shell."""

    session = 3

    def is_sent(self, client_task_id: int) -> bool:
        return client_task_id > 0


class NoLoop:
    """What a future asks of its thread."""

    def __init__(self) -> None:
        self.settle_lock = threading.RLock()
        self.guards = UsageGuards(threading.Thread())
        self.shell = NoShell()
        self.cancelled: list[TaskFuture] = []

    def cancel(self, future: TaskFuture) -> None:
        self.cancelled.append(future)


@pytest.fixture
def future() -> TaskFuture:
    return a_future()


def a_future() -> TaskFuture:
    return TaskFuture(cast(LoopThread, NoLoop()))


def value(it: Any) -> Outcome:
    return Outcome(1, Status.COMPLETED, payload=pack_result(it, 1000))


def failure(error: Exception) -> Outcome:
    return Outcome(1, Status.FAILED, payload=pack_failure(error, "node", 100_000))


def test_id_is_of_the_session_in_which_it_was_answered(future: TaskFuture) -> None:
    assert future.task_id == ""
    future.client_task_id = 17
    assert future.task_id == "3.17"
    future.settle(value(1), 3)
    future._owner.shell.session = 4  # it has connected again
    assert future.task_id == "3.17"
    later = TaskFuture(future._owner)
    later.client_task_id = 18
    assert later.task_id == "4.18"


def in_thread(action: Any) -> Future[Any]:
    """Runs something in a thread of its own."""
    done: Future[Any] = Future()

    def act() -> None:
        try:
            done.set_result(action())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody asks
            done.set_exception(error)

    threading.Thread(target=act, daemon=True).start()
    return done


def test_new_future_is_pending_and_runs_once_the_cluster_has_it(future: TaskFuture) -> None:
    assert (future.done(), future.cancelled(), future.running()) == (False, False, False)
    future.client_task_id = 1
    assert future.running()
    future.settle(value(1))
    assert not future.running()


def test_future_that_nobody_waits_for_needs_no_condition(future: TaskFuture) -> None:
    future.settle(value("it"))
    assert future.done()
    assert future.result() == "it"
    assert future._made_condition is None


def test_exception_is_raised_and_given(future: TaskFuture) -> None:
    future.settle(failure(KeyError("key")))
    with pytest.raises(KeyError, match="key"):
        future.result()
    assert type(future.exception()) is KeyError


def test_waiting_thread_is_woken_by_the_outcome(future: TaskFuture) -> None:
    waiting = in_thread(future.result)
    while future._made_condition is None:
        pass
    future.settle(value("it"))
    assert waiting.result(WITHIN_S) == "it"


def test_wait_that_takes_too_long_is_a_timeout(future: TaskFuture) -> None:
    for wait in (future.result, future.exception):
        with pytest.raises(TimeoutError):
            wait(0.001)


def test_first_outcome_counts(future: TaskFuture) -> None:
    future.settle(value(1))
    future.settle(value(2))
    assert not future.cancel()
    assert future.result() == 1


def test_cancelled_future_asks_the_loop_once_and_takes_no_outcome(future: TaskFuture) -> None:
    assert future.cancel()
    assert future.cancel()
    future.settle(value(1))
    assert future.cancelled()
    assert cast(NoLoop, future._owner).cancelled == [future]
    with pytest.raises(CancelledError):
        future.result()


def test_task_that_was_cancelled_elsewhere_is_a_cancelled_future(future: TaskFuture) -> None:
    future.settle(Outcome(1, Status.CANCELLED, Entered.NO))
    assert future.cancelled()


@pytest.mark.parametrize("watched", [False, True])
def test_of_an_answer_and_a_cancel_at_the_same_moment_one_counts(watched: bool) -> None:
    for _ in range(300):
        future = a_future()
        calls: list[TaskFuture] = []
        if watched:
            future.add_done_callback(calls.append)
        start = threading.Barrier(2)
        cancelling = in_thread(lambda future=future, start=start: (start.wait(), future.cancel())[1])
        start.wait()
        future.settle(value(1))
        assert cancelling.result(WITHIN_S) == future.cancelled()
        assert future.done()
        assert len(calls) == watched


def test_callbacks_are_called_once_each_and_at_once_when_it_is_done(future: TaskFuture) -> None:
    seen: list[Any] = []
    future.add_done_callback(lambda done: seen.append(("first", done.result())))
    future.add_done_callback(lambda done: seen.append(("second", done.result())))
    future.settle(value(1))
    future.add_done_callback(lambda done: seen.append(("third", done.result())))
    assert seen == [("first", 1), ("second", 1), ("third", 1)]


def test_future_does_not_end_while_somebody_looks_at_several(future: TaskFuture) -> None:
    """Else ``wait()`` would count one that ended between its two looks twice, and return too early."""
    with future._condition:
        settling = in_thread(lambda: future.settle(value(1)))
        cancelling = in_thread(future.cancel)
        concurrent.futures.wait([settling, cancelling], timeout=0.05)
        assert not future.done()
    concurrent.futures.wait([settling, cancelling], timeout=WITHIN_S)
    assert future.done()


def test_those_who_wait_for_several_wake_at_every_kind_of_end() -> None:
    for _ in range(50):
        futures = [a_future() for _ in range(6)]
        waiting = in_thread(lambda futures=futures: concurrent.futures.wait(futures, WITHIN_S))
        completed = in_thread(lambda futures=futures: len(list(concurrent.futures.as_completed(futures, WITHIN_S))))
        for number, future in enumerate(futures):
            if number % 3 == 0:
                future.settle(value(number))
            elif number % 3 == 1:
                future.settle(failure(ValueError()))
            else:
                future.cancel()
        done, not_done = waiting.result(WITHIN_S)
        assert (done, not_done) == (set(futures), set())
        assert completed.result(WITHIN_S) == 6


def test_answer_that_fails_to_be_read_in_an_unforeseen_way_is_raised_where_somebody_waits(
    future: TaskFuture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("nobody has thought of that")

    monkeypatch.setattr(task_future, "value_of", fail)
    future.settle(value(1))
    assert isinstance(future.exception(0.0), KeyError)


@pytest.mark.replaces_parts
@pytest.mark.parametrize("somebody_waits", [False, True])
def test_cancel_that_comes_at_the_moment_of_the_answer_is_too_late(
    future: TaskFuture, monkeypatch: pytest.MonkeyPatch, somebody_waits: bool
) -> None:
    if somebody_waits:
        assert future._condition
    monkeypatch.setattr(future._owner.guards, "check_process", lambda: future.settle(value(1)))
    assert not future.cancel()
    assert future.result(0.0) == 1
    assert future._owner.cancelled == []  # type: ignore[attr-defined]


def test_cancel_that_waits_for_the_condition_while_the_answer_is_told_is_too_late(future: TaskFuture) -> None:
    class AnsweredMeanwhile(threading.Condition):
        answered = False

        def __enter__(self) -> bool:
            if not self.answered:
                self.answered = True
                future.settle(value(1))
            return super().__enter__()

    future._made_condition = AnsweredMeanwhile()
    assert not future.cancel()
    assert future.result(0.0) == 1
    assert future._owner.cancelled == []  # type: ignore[attr-defined]
