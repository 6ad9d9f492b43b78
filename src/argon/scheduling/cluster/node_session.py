"""The record of one registered node, and how many tasks it may be assigned.

That is one task for each ready worker; and it prefetches a few more, so that workers never wait for the network and no
task waits long behind another while a different node is free: of tasks predicted to take up to ``PREFETCH_S`` one, or
as many as are predicted to find a worker within ``PREFETCH_WORK_S``. Nothing is prefetched of a kind that was never
measured, nor by a node that is not trusted (``probation.py``) or that has just given a task back because its workers
take longer than predicted.
"""

from __future__ import annotations

from typing import Final

from argon.protocol.ids import PeerId, TaskId
from argon.scheduling.cluster.node_times import NodeTimes
from argon.scheduling.cluster.task import Task
from argon.scheduling.load import ServiceTimes
from argon.settings import PREFETCH_S

PREFETCH_WORK_S: Final = 0.002
PREFETCH_MAX_PER_WORKER: Final = 128
_UNKNOWN_WORK_S: Final = 1.0


class Trust:
    """How many tasks a node is trusted with."""

    FULL: Final = 0  # as many as it has workers, and a few prefetched ones
    PROBATION: Final = 1  # one at a time
    COOL_DOWN: Final = 2  # on probation, and none for a while


class NodeSession:
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
        "trust",
        "pressure",
        "work_s",
        "tasks",
        "times",
    )

    def __init__(self, peer: PeerId, name: str, incarnation: int, workers: int = 0) -> None:
        self.peer = peer
        self.name = name
        self.incarnation = incarnation
        self.workers = workers
        self.draining = False
        self.held_up = False
        self.trust: int = Trust.FULL
        self.pressure = 0.0
        self.work_s = 0.0
        self.tasks: dict[TaskId, Task] = {}
        self.times = NodeTimes()

    def capacity(self) -> int:
        """How many tasks it is trusted to run at a time."""
        if self.draining:
            return 0
        return self.workers if self.trust == Trust.FULL else min(1, self.workers)

    def free(self) -> int:
        """How many more tasks would find a worker at once."""
        free = self.capacity() - len(self.tasks)
        return free if free > 0 and self.trust != Trust.COOL_DOWN else 0

    def has_prefetch_slot(self, seconds: float, wait_s: float = PREFETCH_WORK_S, longest_s: float = PREFETCH_S) -> bool:
        """Whether one more task of ``seconds`` may be sent although no worker is free.

        Args:
            wait_s: how long it may wait for one.
            longest_s: how long it may run, and those before it on average.
        """
        workers, tasks = self.workers, len(self.tasks)
        if self.draining or self.held_up or self.trust != Trust.FULL or tasks >= PREFETCH_MAX_PER_WORKER * workers:
            return False
        if seconds > longest_s or self.work_s > longest_s * workers:
            return False
        prefetched = tasks - workers
        return prefetched < 1 or self.work_s * prefetched / tasks + seconds <= wait_s * workers

    def wait_s(self) -> float:
        """How long one more task is expected to wait here for a worker, with workers that end one after the other."""
        prefetched = len(self.tasks) - self.workers
        return 0.0 if prefetched < 0 else (prefetched + 1) * self.work_s / (len(self.tasks) * self.workers)

    def assign(self, task: Task, predicted_s: float | None) -> None:
        """Books a task on this node."""
        task.predicted_s = _UNKNOWN_WORK_S if predicted_s is None else predicted_s
        self.work_s += task.predicted_s
        self.tasks[task.id] = task

    def release(self, task: Task) -> None:
        """Takes a task off this node."""
        del self.tasks[task.id]
        self.work_s = max(0.0, self.work_s - task.predicted_s) if self.tasks else 0.0  # sums of fractions drift

    def note_run(self, task: Task, run_s: float, fleet: ServiceTimes, now: float) -> None:
        """Notes what a completed task took here and, if nothing else was under way, what the way took."""
        self.times.note_run(task.kind, run_s, fleet, now)
        if not self.tasks:
            self.times.note_round_trip(max(0.0, now - task.assigned_at - run_s), now)
