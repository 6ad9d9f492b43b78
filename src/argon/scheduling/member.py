"""The record of one registered node, and what room it has.

Room is one task for each ready worker, and a little work ahead: as much as the node's workers are predicted to finish
within ``WORK_AHEAD_S``, or one task of up to ``AHEAD_S`` for each, so that they never wait for the network and no task
waits long behind another while a different node is free. Of a kind that was never measured nothing is sent ahead, nor
to a node that has just given a task back because its workers take longer than predicted.
"""

from __future__ import annotations

from typing import Final

from argon.scheduling.load import Average, ServiceTimes
from argon.scheduling.task import Task
from argon.settings import AHEAD_S, MAX_NAME_CHARS

WORK_AHEAD_S: Final = 0.002
AHEAD_MAX_PER_WORKER: Final = 128
_UNKNOWN_WORK_S: Final = 1.0
_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


def is_node_name(name: str) -> bool:
    """Whether a node may be called so."""
    return 0 < len(name) <= MAX_NAME_CHARS and _NAME_CHARS.issuperset(name)


class Member:
    """One registration of a node.

    ``workers`` are the ready ones; ``work_s`` is the predicted work that it holds. It is ``held_up`` from when it gives
    a task back until it ends one. ``pressure`` is how busy it says that its machine is, from 0 to 1.
    """

    __slots__ = (
        "peer",
        "name",
        "incarnation",
        "workers",
        "draining",
        "held_up",
        "pressure",
        "work_s",
        "tasks",
        "times",
        "_run_kind",
        "_run_count",
        "_run_total_s",
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
        self.pressure = 0.0
        self.work_s = 0.0
        self.tasks: dict[int, Task] = {}
        self.times: ServiceTimes = ServiceTimes()
        self._run_kind = -1
        self._run_count = 0
        self._run_total_s = 0.0
        self.round_trip: Average | None = None
        self.place: tuple[int, float, int, object] | None = None

    def free(self) -> int:
        """Ready workers without a task."""
        return 0 if self.draining else max(0, self.workers - len(self.tasks))

    def has_room_ahead(self, seconds: float) -> bool:
        """Whether one more task of ``seconds`` may be sent although no worker is free."""
        if self.draining or self.held_up:
            return False
        if self.work_s + seconds <= WORK_AHEAD_S * self.workers:
            return len(self.tasks) < AHEAD_MAX_PER_WORKER * self.workers
        return seconds <= AHEAD_S and self.work_s <= AHEAD_S * self.workers and len(self.tasks) < 2 * self.workers

    def take(self, task: Task, predicted_s: float | None) -> None:
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
        if task.kind != self._run_kind:
            self.learn(fleet, now)
            self._run_kind = task.kind
        self._run_count += 1
        self._run_total_s += run_s
        if self.tasks:
            return
        trip_s = max(0.0, now - task.assigned_at - run_s)
        if self.round_trip is None:
            self.round_trip = Average(trip_s, now)
        else:
            self.round_trip.add(trip_s, now)

    def learn(self, fleet: ServiceTimes, now: float) -> None:
        """Takes the runs noted since, all of one kind, into this node's times and the fleet's."""
        if self._run_count:
            mean_s = self._run_total_s / self._run_count
            self.times.add(self._run_kind, mean_s, now, self._run_count)
            fleet.add(self._run_kind, mean_s, now, self._run_count)
            self._run_count = 0
            self._run_total_s = 0.0
