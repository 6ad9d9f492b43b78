"""Virtual time: events, the earliest first.

In: events with their moments. Out: calls, in the order of the moments. It must never sleep or read a clock, so that
equal seeds give equal histories.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any, Final

_TICK_S: Final = 1e-6  # a clock goes on between two looks at it, so no deadline is met twice at one moment


class Agenda:
    """The events of a simulation, in the order of their moments and then in the order in which they were planned.

    Attributes:
        now: the moment of the current event, in seconds from the beginning.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._planned = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def at(self, moment: float, event: Callable[..., None], *arguments: Any) -> None:
        """Plans a call; one whose moment is past is made now."""
        self._planned += 1
        heappush(self._events, (max(self.now, moment), self._planned, event, arguments))

    def run(self, going: Callable[[], bool]) -> None:
        """Makes the planned calls, one after the other, as long as ``going`` returns true and there are any."""
        events = self._events
        while events and going():
            self.now, _, event, arguments = heappop(events)
            event(*arguments)


class Timer:
    """Calls a state machine when its deadline has come.

    A state machine moves its deadline with every task. So an event planned for an earlier moment stays, and plans
    another one when it comes too early.

    Args:
        due: the deadline of the state machine, None for never.
        fire: is called then.
    """

    def __init__(self, agenda: Agenda, due: Callable[[], float | None], fire: Callable[[], None]) -> None:
        self._agenda = agenda
        self._due = due
        self._fire = fire
        self._set_for = inf
        self._planned: set[float] = set()

    def set(self) -> None:
        """Plans an event for a deadline that may have moved."""
        deadline = self._due()
        if deadline is not None and deadline < self._set_for:
            self._set_for = moment = max(deadline, self._agenda.now + _TICK_S)
            if moment not in self._planned:  # a nearer deadline has come and gone, and left this one where it was
                self._planned.add(moment)
                self._agenda.at(moment, self._wake, moment)

    def _wake(self, moment: float) -> None:
        self._planned.discard(moment)
        if moment != self._set_for:
            return
        self._set_for = inf
        due = self._due()
        if due is not None and due <= self._agenda.now:
            self._fire()
        self.set()
