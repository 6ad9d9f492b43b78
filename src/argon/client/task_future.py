"""The future of one task: what callers' threads wait for, and the loop's thread settles.

In: an outcome, from the loop's thread; waits and cancels, from any thread. Out: a ``concurrent.futures.Future`` that
ends exactly once. ``result`` and ``exception`` raise on the thread that brings the answers, since then nothing
would ever be answered again; the standard library's ``wait`` and ``as_completed`` cannot be kept from it.

Most futures are done before anybody waits for them, so the condition that the standard library makes, locks and
notifies for each is made here only when somebody looks. What makes this sound: a future without one is ended under the
lock under which it would be made, and a future with one is ended under the condition as well, as the standard library
does.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from concurrent.futures import _base
from typing import Any, Final, NoReturn

from argon.call.unpicklable import NotForOtherProcesses
from argon.client.answers import value_of
from argon.client.local_run import LocalRun
from argon.client.loop_thread import LoopThread
from argon.client.run_here import is_overload
from argon.client.task_id import task_id
from argon.protocol.messages import Answer, Status

_PENDING: Final = _base.PENDING
FINISHED: Final = _base.FINISHED
_CANCELLED: Final = _base.CANCELLED_AND_NOTIFIED

LOOK_UP_S: Final = 1.0  # for so long a wait may not notice Ctrl-C

log = logging.getLogger("argon.client")


class TaskFuture(concurrent.futures.Future[Any]):
    """A task's future. ``cancel()`` ends the task, wherever it is: one that is queued never runs, one that runs is
    killed."""

    def __init__(self, owner: LoopThread) -> None:
        # Not the standard library's, which makes a condition. These are what its wait() and as_completed() ask for.
        self._state = _PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Any] = []
        self._made_condition: threading.Condition | None = None
        self._owner = owner
        self.local_run: LocalRun | None = None  # of a task that is run here if it is rejected
        self.client_task_id = 0
        self._session = 0

    @property
    def task_id(self) -> str:
        """What ``argon explain`` and ``Client.explain`` know it by, as ``SESSION.SEQUENCE``; empty until it is sent.

        A task that is sent again on a new connection has another from then on.
        """
        return task_id(self._session or self._owner.shell.session, self.client_task_id)

    def __reduce__(self) -> NoReturn:
        raise NotForOtherProcesses(self)

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # the standard library only reads it
        if self._state == _PENDING:  # whoever looks at it wants to wait, or to be called
            self._owner.guards.check_process()
        if self._made_condition is None:
            condition = threading.Condition()
            with self._owner.settle_lock:
                if self._made_condition is None:
                    self._made_condition = condition
        return self._made_condition

    def done(self) -> bool:
        """Whether it has ended: with a value, with an exception, or cancelled."""
        return self._state != _PENDING

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._state == _CANCELLED

    def running(self) -> bool:
        """Whether the cluster has the task, or it runs here, and it is not done."""
        if self._state != _PENDING:
            return False
        local_run = self.local_run
        runs_here = local_run is not None and local_run.is_running()
        return runs_here or self._owner.shell.is_sent(self.client_task_id)

    def cancel(self) -> bool:
        """Cancels the task, also if it runs; returns False only if it is done already."""
        if self._state == _PENDING:
            self._owner.guards.check_process()
            if self._end(_CANCELLED, None, None):
                self._owner.cancel(self)
                local_run = self.local_run
                if local_run is not None:
                    local_run.withdraw()
        return self._state == _CANCELLED

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the task and returns its value, or raises what ``Client.run`` raises.

        Args:
            timeout: how many seconds to wait, None (the default) for no limit.

        Raises:
            TimeoutError: the task has no answer yet, and continues. Wait again, or cancel it.
            CancelledError: it was cancelled.
            RuntimeError: it would wait in a callback or in a forked process.
        """
        if self._state == FINISHED and self._exception is None:
            return self._result
        try:
            self._begin_to_wait(timeout)
            return super().result(timeout)
        finally:
            del self  # the exception holds this frame, and must not hold itself by it

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits for the task and returns its exception, or None if it has a value. As ``result`` otherwise."""
        self._begin_to_wait(timeout)
        return super().exception(timeout)

    def _begin_to_wait(self, timeout: float | None) -> None:
        """Raises where nobody may wait. Without a timeout it waits here, and looks up now and then: a signal that comes
        just before a wait begins does not end it."""
        if self._state != _PENDING:
            return
        self._owner.guards.check_may_wait()
        if timeout is None:
            with self._condition:
                while self._state == _PENDING:
                    self._condition.wait(LOOK_UP_S)

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer; one that comes after ``cancel()`` is too late."""
        if self._state != _PENDING:
            return
        self._session = session
        local_run = self.local_run
        if local_run is not None and is_overload(answer):
            local_run.start(self._finish_here)
            return
        self.local_run = None
        value: Any = None
        error: BaseException | None = None
        state = _CANCELLED if answer.status == Status.CANCELLED else FINISHED
        if state == FINISHED:
            try:
                value, error = value_of(answer, session)
            except BaseException as unforeseen:  # noqa: BLE001 - whatever it is, somebody waits for an answer
                error = unforeseen
        self._finish(state, value, error)

    def _finish_here(self, value: Any, error: BaseException | None) -> None:
        """Takes what it has come to in this process, in any thread."""
        self._finish(FINISHED, value, error)
        self.local_run = None

    def _finish(self, state: str, value: Any, error: BaseException | None) -> None:
        try:
            self._end(state, value, error)
        except BaseException:  # the loop's thread brings everybody's answers: no caller's callback may end it
            log.exception("a callback of a task's future raised an exception")

    def _end(self, state: str, value: Any, error: BaseException | None) -> bool:
        """Ends the future and wakes those who wait, unless it has ended; returns whether it was this call."""
        settle_lock = self._owner.settle_lock
        with settle_lock:
            if self._state != _PENDING:
                return False
            if self._made_condition is None:
                self._result, self._exception, self._state = value, error, state
                return True
        with self._made_condition:
            with settle_lock:
                if self._state != _PENDING:
                    return False
                self._result, self._exception, self._state = value, error, state
            for waiter in self._waiters:
                if state == _CANCELLED:
                    waiter.add_cancelled(self)
                elif error is not None:
                    waiter.add_exception(self)
                else:
                    waiter.add_result(self)
            self._made_condition.notify_all()
        self._invoke_callbacks()  # type: ignore[attr-defined]
        return True
