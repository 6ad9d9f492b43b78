"""What tasks take: the measurements by which nodes are compared.

In: how long a task of some kind ran on some node. Out: how long the next one is expected to run there. It must never
choose: that is the router's. A kind is a number that stands for the task's function.

Each average is exponential and decays with time as well as with count: a sample's weight is ``0.1 + 0.9·gap ÷ (gap +
30 s)``, so that after a quiet half minute the newest sample counts for more than half.
"""

from __future__ import annotations

from typing import Final

from argon.record import Record

_KINDS_MAX: Final = 1024
_HALF_GAP_S: Final = 30.0


class Average(Record):
    """A decayed average of seconds."""

    __slots__ = ("mean_s", "at")

    def __init__(self, mean_s: float, at: float) -> None:
        self.mean_s = mean_s
        self.at = at

    def add(self, seconds: float, now: float, count: int = 1) -> None:
        """Adds ``count`` samples taken at ``now``, of this mean."""
        gap = now - self.at
        kept = 0.9 - 0.9 * gap / (gap + _HALF_GAP_S)
        if count > 1:
            kept *= 0.9 ** (count - 1)
        self.mean_s += (1.0 - kept) * (seconds - self.mean_s)
        self.at = now


class ServiceTimes:
    """How long tasks run, by kind, for one node or for the whole fleet. Bounded: the kind unused for longest is
    forgotten."""

    __slots__ = ("_kinds", "overall")

    def __init__(self) -> None:
        self._kinds: dict[int, Average] = {}
        self.overall: Average | None = None

    def add(self, kind: int, run_s: float, now: float, count: int = 1) -> None:
        """Records that ``count`` tasks of this kind ran for ``run_s`` on average."""
        average = self._kinds.get(kind)
        if average is not None:
            average.add(run_s, now, count)
        else:
            if len(self._kinds) >= _KINDS_MAX:
                del self._kinds[min(self._kinds, key=lambda k: self._kinds[k].at)]
            self._kinds[kind] = Average(run_s, now)
        if self.overall is None:
            self.overall = Average(run_s, now)
        else:
            self.overall.add(run_s, now, count)

    def of(self, kind: int) -> float | None:
        """The expected seconds of a task of this kind, or None if none has been seen."""
        average = self._kinds.get(kind)
        return None if average is None else average.mean_s


def predict_s(kind: int, node: ServiceTimes, fleet: ServiceTimes) -> float | None:
    """The expected seconds of one more task of this kind on this node, or None when nothing like it has been measured.

    Falls back from this kind on this node, to this kind anywhere, to whatever this node runs, to whatever the fleet
    runs.
    """
    seconds = node.of(kind)
    if seconds is None:
        seconds = fleet.of(kind)
    if seconds is None and node.overall is not None:
        seconds = node.overall.mean_s
    if seconds is None and fleet.overall is not None:
        seconds = fleet.overall.mean_s
    return seconds
