"""When workers that have died by themselves are replaced: at once, unless they keep dying without finishing anything.

In: deaths, runs and the time. Out: how many workers to start now, and when to ask again. It must never start one.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import Final

RESPAWN_MAX_S: Final = 5.0
_RESPAWN_MIN_S: Final = 0.1


class Respawns:
    """The workers that a node has still to start in place of dead ones.

    Args:
        workers: how many serve at a time. As many may die twice each before there is a pause.
    """

    def __init__(self, workers: int) -> None:
        self._free_deaths = 2 * workers
        self._deaths = 0
        self._moments: list[float] = []

    def note_run(self) -> None:
        """Books that a task was completed: workers do work."""
        self._deaths = 0

    def note_death(self, now: float) -> None:
        """Books that a worker is to be replaced; ``due`` counts it when it is time."""
        self._deaths += 1
        excess = self._deaths - self._free_deaths
        pause_s = 0.0 if excess <= 0 else min(RESPAWN_MAX_S, _RESPAWN_MIN_S * 2.0 ** min(excess - 1, 10))
        heappush(self._moments, now + pause_s)

    def due(self, now: float) -> int:
        """How many workers are to be started now; they are not due again."""
        count = 0
        while self._moments and self._moments[0] <= now:
            heappop(self._moments)
            count += 1
        return count

    def next_moment(self) -> float:
        """When the next one is due; infinity for never."""
        return self._moments[0] if self._moments else inf
