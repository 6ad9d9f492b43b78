"""The future of one task for asyncio: what awaits, and what the client's shell settles.

In: an outcome, on the future's own loop; cancels. Out: an ``asyncio.Future`` that ends exactly once. It must never be
ended from another thread.
"""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop
from typing import Any, NoReturn

from argon.call.unpicklable import NotForOtherProcesses
from argon.client.answers import value_of
from argon.client.client_shell import ClientShell
from argon.client.local_run import LocalRun
from argon.client.run_here import is_overload
from argon.client.task_id import task_id
from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import Answer, Status


class AsyncFuture(asyncio.Future[Any]):
    """A task's future. Cancelling it ends the task, wherever it is."""

    # Whoever makes it sets these: a default in the class makes each access slow, and so does a method for it.
    shell: ClientShell
    local_run: LocalRun | None  # of a task that is run here if it is rejected
    client_task_id: ClientTaskId
    session: int

    @property
    def task_id(self) -> str:
        """What ``argon explain`` and ``AsyncClient.explain`` know it by, as ``SESSION.SEQUENCE``."""
        return task_id(self.session or self.shell.session, self.client_task_id)

    def __reduce__(self) -> NoReturn:
        raise NotForOtherProcesses(self)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancels the wait, and the task with it: one that is queued never runs, one that runs is killed.

        Raises:
            RuntimeError: it is called on another thread than the future's loop runs on. Use
                ``loop.call_soon_threadsafe(future.cancel)``.
        """
        loop = self.get_loop()
        if _get_running_loop() is not loop and loop.is_running():
            raise RuntimeError(
                "this future belongs to the event loop of another thread: use loop.call_soon_threadsafe(future.cancel)"
            )
        cancelled = super().cancel(msg)
        if cancelled and not loop.is_closed():
            self.shell.cancel(self.client_task_id)
            if self.local_run is not None:
                self.local_run.withdraw()
        return cancelled

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer; one that comes after ``cancel()`` is too late."""
        if self.done():
            return
        self.session = session
        if self.local_run is not None and is_overload(answer):
            self.local_run.start(self._finish_soon)
            return
        self.local_run = None
        if answer.status == Status.CANCELLED:
            super().cancel()
            return
        value, error = value_of(answer, session)
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)

    def _finish_soon(self, value: Any, error: BaseException | None) -> None:
        """Takes what it has come to in this process, in any thread."""
        loop = self.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._finish, value, error)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        if self.done():
            return
        self.local_run = None
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)
