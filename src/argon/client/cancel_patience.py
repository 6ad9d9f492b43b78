"""How long ``cancel()`` waits until it is decided whether a task is cancelled.

In: the question, as a future that is done when the cluster has answered. Out: at once, or a little later. It must never
wait where an event loop runs, and never once for each task while the cluster does not answer.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Final

_ANSWER_TIMEOUT_S: Final = 10.0


class CancelPatience:
    """The patience that all futures of one connection share."""

    def __init__(self) -> None:
        self._unanswered: concurrent.futures.Future[None] | None = None

    def wait(self, decided: concurrent.futures.Future[None]) -> None:
        """Waits for an answer; not on a thread that runs an event loop, which must go on, and not while an earlier
        question has no answer though somebody has waited for it."""
        earlier = self._unanswered
        if asyncio._get_running_loop() is not None or (earlier is not None and not earlier.done()):
            return
        concurrent.futures.wait([decided], _ANSWER_TIMEOUT_S)
        self._unanswered = None if decided.done() else decided
