"""Virtual time: what happens when. Nothing here sleeps, and equal seeds give equal histories."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any, Final

_TICK_S: Final = 1e-6  # a clock goes on between two looks at it, so no deadline is met twice at one moment


class Agenda:
    """A heap of events, ordered by their moment and then by the order in which they were planned.

    Attributes:
        now: the moment of the event that happens, in seconds from the beginning.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._planned = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def at(self, moment: float, event: Callable[..., None], *arguments: Any) -> None:
        """Plans an event; one that should have happened already happens now."""
        self._planned += 1
        heappush(self._events, (max(self.now, moment), self._planned, event, arguments))

    def run(self, going: Callable[[], bool]) -> None:
        """Lets everything happen, one after the other, as long as ``going`` says so and something is planned."""
        events = self._events
        while events and going():
            self.now, _, event, arguments = heappop(events)
            event(*arguments)


class Timer:
    """Rings when a state wants to be asked again.

    A state moves its deadline with every task, so a timer that was set for an earlier moment stays, and is set anew
    when it rings too early.

    Args:
        due: when the state wants it to ring, None for never.
        ring: what happens then.
    """

    def __init__(self, agenda: Agenda, due: Callable[[], float | None], ring: Callable[[], None]) -> None:
        self._agenda = agenda
        self._due = due
        self._ring = ring
        self._set_for = inf
        self._planned: set[float] = set()

    def set(self) -> None:
        """Takes notice of a deadline that may have moved."""
        deadline = self._due()
        if deadline is not None and deadline < self._set_for:
            self._set_for = moment = max(deadline, self._agenda.now + _TICK_S)
            if moment not in self._planned:  # a nearer deadline has come and gone, and left this one where it was
                self._planned.add(moment)
                self._agenda.at(moment, self._rings, moment)

    def _rings(self, moment: float) -> None:
        self._planned.discard(moment)
        if moment != self._set_for:
            return
        self._set_for = inf
        due = self._due()
        if due is not None and due <= self._agenda.now:
            self._ring()
        self.set()
