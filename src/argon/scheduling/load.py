"""What tasks take: the measurements by which nodes are compared, and waits and deadlines predicted.

In: how long a task of some kind ran on some node, to its end or until it was killed. Out: how long the next one is
expected to run there. It must never choose: that is the router's. A kind is a number that stands for the task's
function.

Each average is exponential and decays with time as well as with count: after 30 quiet seconds the newest sample counts
for half and more. Of a node's times it counts for at least 10 %, since a node may change; of the fleet's for at least
2 %, since waits are added up from them, and ten samples of what varies much would be chance. The first ones count
alike.

Of each kind two numbers are kept. Work is added up by the *mean*. Whether one task will be done in time is asked of the
*typical* time, the geometric mean: where most are short and a few very long, as they are (Harchol-Balter and Downey
1997), the mean would refuse most of those that would have been in time.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from argon.record import Record

_KINDS_MAX: Final = 1024
_HALF_GAP_S: Final = 30.0
NODE_KEPT: Final = 0.9
FLEET_KEPT: Final = 0.98
_LEAST_S: Final = 1e-6
_BELIEVED_FROM: Final = 5
TRIAL_EVERY_S: Final = 5.0


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


class Runs(Record):
    """What tasks that ran one after the other took together: how many, the sum, and the sum of the logarithms."""

    __slots__ = ("count", "total_s", "logs")

    def __init__(self, count: int = 0, total_s: float = 0.0, logs: float = 0.0) -> None:
        self.count = count
        self.total_s = total_s
        self.logs = logs

    def note(self, run_s: float) -> None:
        """Adds a run to its end."""
        self.count += 1
        self.total_s += run_s
        self.logs += log(run_s + _LEAST_S)

    def note_killed(self, run_s: float) -> None:
        """Adds a run that was ended after so long: that is what it cost, but it would have taken longer. Of tasks with
        heavy tails that have run for a while, half take as long again (Pareto, α = 1)."""
        self.count += 1
        self.total_s += run_s
        self.logs += log(2.0 * run_s + _LEAST_S)


class KindTime(Record):
    """What tasks of one kind take, decayed. ``trial_at`` is when one was last admitted for a trial, ``trial_waits``
    whether that one had to wait and has not had its turn."""

    __slots__ = ("mean_s", "typical_log", "at", "count", "trial_at", "trial_waits")

    def __init__(self, runs: Runs, at: float) -> None:
        self.mean_s = runs.total_s / runs.count
        self.typical_log = runs.logs / runs.count
        self.at = at
        self.count = runs.count
        self.trial_at = at
        self.trial_waits = False

    def add(self, runs: Runs, now: float, kept_each: float) -> None:
        """Adds samples taken at ``now``."""
        kept: float = kept_each**runs.count
        kept = min(kept, self.count / (self.count + runs.count)) * _HALF_GAP_S / (now - self.at + _HALF_GAP_S)
        self.mean_s += (1.0 - kept) * (runs.total_s / runs.count - self.mean_s)
        self.typical_log += (1.0 - kept) * (runs.logs / runs.count - self.typical_log)
        self.count += runs.count
        self.at = now

    def typical_s(self) -> float:
        """The geometric mean."""
        return exp(self.typical_log)


class ServiceTimes:
    """How long tasks run, by kind, for one node or for the whole fleet. Bounded: the kind unused for longest is
    forgotten.

    Args:
        kept_each: how much of what was known is kept with each sample.
    """

    __slots__ = ("_kinds", "_kept_each", "_last_kind", "_last", "overall")

    def __init__(self, kept_each: float = NODE_KEPT) -> None:
        self._kinds: dict[int, KindTime] = {}
        self._kept_each = kept_each
        self._last_kind = -1
        self._last: KindTime | None = None
        self.overall: KindTime | None = None

    def add(self, kind: int, runs: Runs, now: float) -> None:
        """Records what tasks of this kind took."""
        known = self._kinds.pop(kind, None)  # and it becomes the last in line to be forgotten
        if known is not None:
            known.add(runs, now, self._kept_each)
        else:
            if len(self._kinds) >= _KINDS_MAX:
                del self._kinds[next(iter(self._kinds))]
            known = KindTime(runs, now)
        self._kinds[kind] = known
        self._last_kind, self._last = kind, known
        if self.overall is None:
            self.overall = KindTime(runs, now)
        else:
            self.overall.add(runs, now, FLEET_KEPT)

    def of(self, kind: int) -> float | None:
        """The expected seconds of a task of this kind, or None if none has been seen."""
        known = self._known(kind)
        return None if known is None else known.mean_s

    def typical_log(self, kind: int) -> float | None:
        """The logarithm of what a task of this kind typically takes, or None if none has been seen."""
        known = self._known(kind)
        return None if known is None else known.typical_log

    def mean_s(self) -> float:
        """The expected seconds of a task of any kind, 0 if none has been seen."""
        return self.overall.mean_s if self.overall is not None else 0.0

    def too_long(self, kind: int, left_s: float) -> bool:
        """Whether a task of this kind would most likely not be done in the time that is left."""
        known = self._known(kind)
        return known is not None and known.count >= _BELIEVED_FROM and known.typical_s() > left_s

    def admit_trial(self, kind: int, now: float, waits: bool = False) -> bool:
        """Admits a task of a kind that is ``too_long`` now and then, and returns whether it does: what was measured
        once would be believed for ever where it lets nothing in that could correct it.

        Args:
            waits: whether the task waits first. Then this is asked again when its turn comes, and says yes once.
        """
        known = self._kinds[kind]
        if known.trial_waits and not waits:
            known.trial_waits = False
            return True
        if now < known.trial_at + TRIAL_EVERY_S:
            return False
        known.trial_at = now
        known.trial_waits = waits
        return True

    def _known(self, kind: int) -> KindTime | None:
        """What is known of a kind. The last is kept at hand, since tasks of a kind mostly come together, and each asks
        three times: the look-ups would be 2 % of what it costs the cluster."""
        if kind != self._last_kind:
            self._last_kind, self._last = kind, self._kinds.get(kind)
        return self._last
