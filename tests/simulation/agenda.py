"""Virtual time: what happens when. Nothing here sleeps, and equal seeds give equal histories."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

SPIN_LIMIT = 5_000


class Agenda:
    """A heap of events, ordered by their moment and then by the order in which they were planned."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.happened = 0
        self._planned = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._at_this_moment = 0

    def at(self, moment: float, event: Callable[..., None], *arguments: Any) -> None:
        """Plans an event; one that should have happened already happens now."""
        self._planned += 1
        heappush(self._events, (max(moment, self.now), self._planned, event, arguments))

    def after(self, seconds: float, event: Callable[..., None], *arguments: Any) -> None:
        """Plans an event for later."""
        self.at(self.now + seconds, event, *arguments)

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Lets everything happen up to a moment, or until ``done``."""
        while self._events and self._events[0][0] <= until and not done():
            moment, _, event, arguments = heappop(self._events)
            self._at_this_moment = self._at_this_moment + 1 if moment == self.now else 0
            assert self._at_this_moment < SPIN_LIMIT, "time stands still: something asks for the same moment for ever"
            self.now = moment
            self.happened += 1
            event(*arguments)
        if not done():
            self.now = max(self.now, until)
