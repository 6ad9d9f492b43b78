"""What tasks take on one node, and how much slower it is than the fleet.

In: how long tasks ran there, and what the fleet knows. Out: what the next one is expected to take there, and two
averages of how slow the node is. It must never decide what a slow node gets.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from argon.scheduling.load import Average, Runs, ServiceTimes

_RATIO_MAX: Final = 24.0
_SLOWNESS_KEPT: Final = 0.97
_RECENT_KEPT: Final = 0.95
_COMPARED_MIN: Final = 5
_TRIFLE_S: Final = 0.001  # less is mostly noise, and no reason to call a node slow


class NodeTimes:
    """The times of one node, by kind in ``service``.

    ``round_trip`` is the average of what a task takes beside its run, None until one was measured. ``slowness`` is the
    logarithm of what tasks take here divided by what they take in the fleet, over some fifty of them;
    ``recent_slowness`` is the same over some thirty, of ``compared`` ones in all.
    """

    __slots__ = ("service", "round_trip", "slowness", "recent_slowness", "compared", "_kind", "_runs")

    def __init__(self) -> None:
        self.service = ServiceTimes()
        self.round_trip: Average | None = None
        self.slowness = 0.0
        self.recent_slowness = 0.0
        self.compared = 0
        self._kind = -1
        self._runs = Runs()

    def known_s(self, kind: int, fleet: ServiceTimes) -> float | None:
        """The expected seconds of one more task of this kind here, or None if none was ever measured anywhere."""
        seconds = self.service.of(kind)
        if seconds is None:
            seconds = fleet.of(kind)
            if seconds is not None:
                seconds *= exp(self.slowness)
        return seconds

    def expected_s(self, kind: int, fleet: ServiceTimes) -> float:
        """The expected seconds of one more task of this kind here, guessed from whatever the fleet runs where this kind
        was never measured; 0 if nothing was."""
        seconds = self.known_s(kind, fleet)
        return fleet.mean_s() * exp(self.slowness) if seconds is None else seconds

    def is_slower_than(self, ratio: float) -> bool:
        """Whether tasks have lately taken more than ``ratio`` times what they take in the fleet."""
        return self.compared >= _COMPARED_MIN and self.recent_slowness > log(ratio)

    def note_run(self, kind: int, run_s: float, fleet: ServiceTimes, now: float) -> None:
        """Notes how long a completed task ran here."""
        self._begin(kind, fleet, now)
        self._runs.note(run_s)

    def note_killed(self, kind: int, run_s: float, fleet: ServiceTimes, now: float) -> None:
        """Notes for how long a task ran here until it was ended for its timeout."""
        self._begin(kind, fleet, now)
        self._runs.note_killed(run_s)

    def note_round_trip(self, trip_s: float, now: float) -> None:
        """Notes what a task took beside its run."""
        if self.round_trip is None:
            self.round_trip = Average(trip_s, now)
        else:
            self.round_trip.add(trip_s, now)

    def learn(self, fleet: ServiceTimes, now: float) -> bool:
        """Takes the runs noted since, all of one kind, into this node's times and the fleet's, if there are any."""
        runs = self._runs
        if not runs.count:
            return False
        usual_log = fleet.typical_log(self._kind)
        if usual_log is not None:
            self._compare(runs, usual_log)
        self.service.add(self._kind, runs, now)
        fleet.add(self._kind, runs, now)
        self._runs = Runs()
        return True

    def _begin(self, kind: int, fleet: ServiceTimes, now: float) -> None:
        if kind != self._kind:
            self.learn(fleet, now)
            self._kind = kind

    def _compare(self, runs: Runs, usual_log: float) -> None:
        """Compares runs with what such tasks usually take in the fleet, this node's included, by logarithms.

        A slow node runs few, so they count for little there. However long they took, they count for no more than
        ``_RATIO_MAX``: else a few long ones among many short ones would do for a slow node.
        """
        ratio = log((exp(runs.logs / runs.count) + _TRIFLE_S) / (exp(usual_log) + _TRIFLE_S))
        ratio = min(ratio, log(_RATIO_MAX))
        self.slowness += (1.0 - float(_SLOWNESS_KEPT**runs.count)) * (ratio - self.slowness)
        self.recent_slowness += (1.0 - float(_RECENT_KEPT**runs.count)) * (ratio - self.recent_slowness)
        self.compared += runs.count
