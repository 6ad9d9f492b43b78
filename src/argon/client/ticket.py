"""What a caller keeps of a task, as the shell sees it. A future is one, and so is a call that waits.

In: the task's id, and its answer. Out: whether it has ended. These are only types: they keep the shell and the futures
from importing each other.
"""

from __future__ import annotations

from typing import Protocol

from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import Answer


class Ticket(Protocol):
    """What a caller keeps of a task. The shell sets ``client_task_id``, before it settles the ticket."""

    client_task_id: ClientTaskId

    def done(self) -> bool:
        """Whether it has ended."""

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer, on the loop's thread; of a client that is being closed, on any. ``session`` is what the
        cluster calls the connection, 0 if it never had the task."""
