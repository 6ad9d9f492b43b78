"""The record of one registered node, and what room it has.

A node is assigned one task for each ready worker, and prefetches a few more, so that workers never wait for the network
and no task waits long behind another while a different node is free: of tasks predicted to take up to ``PREFETCH_S``
one, or as many as are predicted to find a worker within ``PREFETCH_WORK_S``. Nothing is prefetched of a kind that was
never measured, nor by a node that has just given a task back because its workers take longer than predicted.

A node is an *outlier* when the same kinds of task take ``OUTLIER_RATIO`` times what they take in the fleet: it answers,
so nobody calls it dead, but what is sent there is late. It is then on probation: it has room for one task at a time,
and cools down for ``COOL_DOWN_S`` after each. It is trusted again when that ratio has fallen below ``TRUSTED_RATIO``.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from argon.scheduling.cluster.task import Task
from argon.scheduling.load import Average, Runs, ServiceTimes
from argon.settings import MAX_NAME_CHARS, PREFETCH_S

PREFETCH_WORK_S: Final = 0.002
PREFETCH_MAX_PER_WORKER: Final = 128
OUTLIER_RATIO: Final = 10.0
TRUSTED_RATIO: Final = 5.0
COOL_DOWN_S: Final = 1.0
_COMPARED_MIN: Final = 5
_RATIO_MAX: Final = 24.0
_SLOWNESS_KEPT: Final = 0.97
_LATELY_KEPT: Final = 0.95
_TRIFLE_S: Final = 0.001  # less is mostly noise, and no reason to call a node slow
_UNKNOWN_WORK_S: Final = 1.0
_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


def is_node_name(name: str) -> bool:
    """Whether a node may be called so."""
    return 0 < len(name) <= MAX_NAME_CHARS and _NAME_CHARS.issuperset(name)


class NodeSession:
    """One registration of a node.

    ``workers`` are the ready ones; ``work_s`` is the predicted work that it holds. It is ``held_up`` from when it gives
    a task back until it ends one. One on probation is assigned nothing until ``cools_down_until``, 0 when it may be.
    ``pressure`` is how busy it says that its machine is, from 0 to 1. ``slowness`` is the logarithm of what tasks take
    here by what they take in the fleet, over some fifty of them; ``lately`` is the same over some thirty.
    """

    __slots__ = (
        "peer",
        "name",
        "incarnation",
        "workers",
        "draining",
        "held_up",
        "on_probation",
        "cools_down_until",
        "slowness",
        "lately",
        "_compared",
        "pressure",
        "work_s",
        "tasks",
        "times",
        "_run_kind",
        "_runs",
        "round_trip",
        "place",
    )

    def __init__(self, peer: int, name: str, incarnation: int, workers: int = 0) -> None:
        self.peer = peer
        self.name = name
        self.incarnation = incarnation
        self.workers = workers
        self.draining = False
        self.held_up = False
        self.on_probation = False
        self.cools_down_until = 0.0
        self.slowness = 0.0
        self.lately = 0.0
        self._compared = 0
        self.pressure = 0.0
        self.work_s = 0.0
        self.tasks: dict[int, Task] = {}
        self.times: ServiceTimes = ServiceTimes()
        self._run_kind = -1
        self._runs = Runs()
        self.round_trip: Average | None = None
        self.place: tuple[int, float, int, object] | None = None

    def capacity(self) -> int:
        """How many tasks it is trusted to run at a time."""
        if self.draining:
            return 0
        return min(1, self.workers) if self.on_probation else self.workers

    def free(self) -> int:
        """How many more tasks would find a worker at once."""
        return 0 if self.cools_down_until else max(0, self.capacity() - len(self.tasks))

    def has_prefetch_slot(self, seconds: float, wait_s: float = PREFETCH_WORK_S, longest_s: float = PREFETCH_S) -> bool:
        """Whether one more task of ``seconds`` may be sent although no worker is free.

        Args:
            wait_s: how long it may wait for one.
            longest_s: how long it may run, and those before it on average.
        """
        workers, tasks = self.workers, len(self.tasks)
        if self.draining or self.held_up or self.on_probation or tasks >= PREFETCH_MAX_PER_WORKER * workers:
            return False
        if seconds > longest_s or self.work_s > longest_s * workers:
            return False
        ahead = tasks - workers
        return ahead < 1 or self.work_s * ahead / tasks + seconds <= wait_s * workers

    def wait_s(self) -> float:
        """How long one more task is expected to wait here for a worker, with workers that end one after the other."""
        ahead = len(self.tasks) - self.workers
        return 0.0 if ahead < 0 else (ahead + 1) * self.work_s / (len(self.tasks) * self.workers)

    def known_s(self, kind: int, fleet: ServiceTimes) -> float | None:
        """The expected seconds of one more task of this kind here, or None if none was ever measured anywhere."""
        seconds = self.times.of(kind)
        if seconds is None:
            seconds = fleet.of(kind)
            if seconds is not None:
                seconds *= exp(self.slowness)
        return seconds

    def expected_s(self, kind: int, fleet: ServiceTimes) -> float:
        """The same, guessed from whatever the fleet runs where this kind was never measured; 0 if nothing was."""
        seconds = self.known_s(kind, fleet)
        return fleet.mean_s() * exp(self.slowness) if seconds is None else seconds

    def assign(self, task: Task, predicted_s: float | None) -> None:
        """Books a task on this node."""
        task.predicted_s = _UNKNOWN_WORK_S if predicted_s is None else predicted_s
        self.work_s += task.predicted_s
        self.tasks[task.id] = task

    def release(self, task: Task) -> None:
        """Takes a task off this node."""
        del self.tasks[task.id]
        self.work_s = self.work_s - task.predicted_s if self.tasks else 0.0

    def note_run(self, task: Task, run_s: float, fleet: ServiceTimes, now: float) -> None:
        """Notes what a completed task took here and, if nothing else was under way, what the way took."""
        self._begin_runs(task.kind, fleet, now)
        self._runs.note(run_s)
        if self.tasks:
            return
        trip_s = max(0.0, now - task.assigned_at - run_s)
        if self.round_trip is None:
            self.round_trip = Average(trip_s, now)
        else:
            self.round_trip.add(trip_s, now)

    def note_killed(self, task: Task, run_s: float, fleet: ServiceTimes, now: float) -> None:
        """Notes for how long a task ran here until it was ended for its timeout."""
        self._begin_runs(task.kind, fleet, now)
        self._runs.note_killed(run_s)

    def _begin_runs(self, kind: int, fleet: ServiceTimes, now: float) -> None:
        if kind != self._run_kind:
            self.learn(fleet, now)
            self._run_kind = kind

    def learn(self, fleet: ServiceTimes, now: float) -> bool:
        """Takes the runs noted since, all of one kind, into this node's times and the fleet's, if there are any."""
        runs = self._runs
        if not runs.count:
            return False
        usual = fleet.typical_log(self._run_kind)
        if usual is not None:
            self._compare(runs, usual)
        self.times.add(self._run_kind, runs, now)
        fleet.add(self._run_kind, runs, now)
        self._runs = Runs()
        return True

    def _compare(self, runs: Runs, usual_log: float) -> None:
        """Compares runs with what such tasks usually take in the fleet, this node's included, by logarithms.

        A slow node runs few, so they count for little there. However long they took, they count for no more than
        ``_RATIO_MAX``: else a few long ones among many short ones would do for a slow node.
        """
        ratio = log((exp(runs.logs / runs.count) + _TRIFLE_S) / (exp(usual_log) + _TRIFLE_S))
        ratio = min(ratio, log(_RATIO_MAX))
        self.slowness += (1.0 - float(_SLOWNESS_KEPT**runs.count)) * (ratio - self.slowness)
        self.lately += (1.0 - float(_LATELY_KEPT**runs.count)) * (ratio - self.lately)
        self._compared += runs.count

    def is_outlier(self) -> bool:
        """Whether it is so slow that it is on probation: a node that is there already must come closer to the fleet."""
        limit = TRUSTED_RATIO if self.on_probation else OUTLIER_RATIO
        return self._compared >= _COMPARED_MIN and self.lately > log(limit)
