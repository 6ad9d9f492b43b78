"""What callers' threads hand over to the thread of a client's event loop: tasks with their tickets, and cancels.

In: from any thread, tasks and cancels. Out: on the loop's thread, the shell is given each of them, a cancel after its
task. The loop is woken once for all that comes before it wakes. It must never leave a ticket without an answer: what
comes while the client is being closed is settled here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeAlias

from argon.client.client_shell import ClientShell
from argon.client.ticket import Ticket
from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Entered, Outcome, Payload, Status
from argon.scheduling.task_options import TaskOptions

_Task: TypeAlias = tuple[int, Payload, TaskOptions, float, Ticket]
_Cancel: TypeAlias = tuple[Ticket, Future[None] | None]


class Submissions:
    """The hand-over to one shell.

    Args:
        shell: it is called on the loop's thread only.
        wake: has the loop's thread call a function soon; it may be called in any thread.
    """

    def __init__(self, shell: ClientShell, wake: Callable[[Callable[[], None]], None]) -> None:
        self._shell = shell
        self._wake = wake
        self._tasks: deque[_Task] = deque()
        self._cancels: deque[_Cancel] = deque()
        self._woken = False
        self._closed = False

    # ---- from any thread ----------------------------------------------------------------------------------------

    def submit(self, kind: int, payload: Payload, options: TaskOptions, deadline: float, ticket: Ticket) -> None:
        """Hands over a packed task."""
        self._tasks.append((kind, payload, options, deadline, ticket))
        if self._closed or not self._woken:
            self._wake_once()

    def cancel(self, ticket: Ticket) -> None:
        """Asks for the end of a task."""
        self._cancels.append((ticket, None))
        self._wake_once()

    def cancel_queued(self, ticket: Ticket) -> Future[None]:
        """Asks for the end of a task unless a node has it; the future is done when that is decided. If the task has
        ended, its ticket has the answer by then."""
        decided: Future[None] = Future()
        self._cancels.append((ticket, decided))
        self._wake_once()
        return decided

    def _wake_once(self) -> None:
        if self._closed:
            self._settle_rest()
        elif not self._woken:
            self._woken = True
            try:
                self._wake(self.hand_over)
            except BaseException:  # Ctrl-C, and nobody may have been woken: whoever comes next must try
                self._woken = False
                raise

    def _settle_rest(self) -> None:
        """Answers what came while the client was being closed. Each is taken by one thread only."""
        while self._tasks or self._cancels:
            try:
                if self._tasks:
                    ticket = self._tasks.popleft()[-1]
                    closed = encode_diagnosis(Diagnosis("the client was closed"))
                    ticket.settle(Outcome(0, Status.LOST, Entered.NO, payload=closed))
                else:
                    decided = self._cancels.popleft()[-1]
                    if decided is not None:
                        decided.set_result(None)
            except IndexError:
                pass  # another thread has taken it

    # ---- on the loop --------------------------------------------------------------------------------------------

    def hand_over(self) -> None:
        """Gives the shell all that was handed over."""
        self._woken = False
        if self._closed:
            return
        self._take_tasks()
        while self._cancels:
            ticket, decided = self._cancels.popleft()
            self._take_tasks()  # its own may have come just now
            if decided is None:
                self._shell.cancel(ticket.client_task_id)
            else:
                self._shell.cancel_queued(ticket.client_task_id, decided)

    def _take_tasks(self) -> None:
        tasks, shell = self._tasks, self._shell
        while tasks:
            kind, payload, options, deadline, ticket = tasks.popleft()
            if not ticket.done():
                shell.submit(kind, payload, options, deadline, ticket)

    def close(self) -> None:
        """Gives the shell what there is; what comes later is settled by the thread that brings it."""
        self.hand_over()
        self._closed = True  # a thread that hands something over now sees this, or is seen by the next line
        self._settle_rest()
