"""What a future asks of the thread that holds the connection, and what that thread asks of the future.

In: nothing; these are only types. They keep the two files from importing each other.
"""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any, Protocol

from argon.client.run_here import KeptCall
from argon.client.ticket import Ticket


class LocallyRun(Protocol):
    """A future whose task may be run in this process."""

    def settle_here(self, here: concurrent.futures.Future[Any]) -> None:
        """Takes what the call has come to in this process."""

    def expire_here(self, kept: KeptCall) -> None:
        """The timeout has passed while the call waited or ran in this process."""


class TaskOwner(Protocol):
    """Who holds the connection. See ``LoopThread`` for what each of these does."""

    settle_lock: threading.RLock

    def session(self) -> int:
        """What the cluster calls the connection."""

    def is_sent(self, ticket: Ticket) -> bool:
        """Whether the cluster has the task."""

    def check_process(self) -> None:
        """Raises in a forked process."""

    def check_may_wait(self, ticket: Ticket) -> None:
        """Raises where no answer can come."""

    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""

    def cancel(self, ticket: Ticket, queued_only: bool = False) -> None:
        """Asks for the end of a task."""

    def run_here(self, future: LocallyRun, kept: KeptCall) -> None:
        """Runs a rejected task in this process."""
