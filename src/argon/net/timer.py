"""One timer for a role: calls back when its state's next deadline has come.

In: the next deadline, after every event. Out: a call. Arming is lazy: a deadline that moves later leaves the armed
timer where it is, and the early call only arms it anew; so an event costs a comparison, not a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic


class DeadlineTimer:
    """Args:
    on_due: called at or shortly after the deadline armed last; it is expected to arm the next one.
    next_deadline: the deadline as it is now, asked when the armed moment comes.
    """

    def __init__(self, on_due: Callable[[], None], next_deadline: Callable[[], float | None]) -> None:
        self._on_due = on_due
        self._next_deadline = next_deadline
        self._armed = inf
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, deadline: float | None) -> None:
        """Sees to it that ``on_due`` is called at this moment of the monotonic clock, or not at all for None."""
        if deadline is not None and deadline < self._armed:
            if self._handle is not None:
                self._handle.cancel()
            self._armed = deadline
            self._handle = asyncio.get_running_loop().call_later(max(0.0, deadline - monotonic()), self._ring)

    def cancel(self) -> None:
        """Never calls again."""
        if self._handle is not None:
            self._handle.cancel()
        self._armed = -inf

    def _ring(self) -> None:
        self._armed = inf
        self._handle = None
        deadline = self._next_deadline()
        if deadline is not None and deadline <= monotonic():
            self._on_due()
        else:
            self.arm(deadline)
