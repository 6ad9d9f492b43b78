"""What a caller keeps of a task, as the thread that brings the answers sees it.

In: the task's number and its outcome. Out: whether it has ended. A future is one, and so is a call that waits.
"""

from __future__ import annotations

from typing import Protocol

from argon.protocol.messages import Answer


class Ticket(Protocol):
    """What a caller keeps of a task: a future, or a call that waits. ``number`` is the task's, once it has one."""

    number: int

    def done(self) -> bool:
        """Whether it has ended."""

    def settle(self, outcome: Answer, session: int = 0) -> None:
        """Takes the outcome, on the loop's thread; of a client that is being closed, on any. ``session`` is what the
        cluster calls the connection, 0 if it never had the task."""

    def stop_refused(self) -> None:
        """A queued-only cancel came too late."""
