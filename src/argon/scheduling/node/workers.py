"""The worker processes of a node: which there are, what each has been given, and which takes the next task.

In: that workers start, become ready, are given tasks, answer and end. Out: the worker for the next task, and numbers.
It must never send anything or end anybody: that is the corridor's.

Of tasks predicted to be very short a busy worker is given a few ahead, as much as it should finish within
``GIVE_AHEAD_S``; of those up to ``PREFETCH_S`` one, so that it need not wait for its node in between. It takes them one
at a time, so what it has not begun can be recalled: when it falls silent, and the longer one as soon as another worker
is free.
With ``max_requests`` there is one spare worker, ready to take the place of one that has served its time.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from argon.protocol.messages import payload_bytes
from argon.record import Record
from argon.scheduling.node.node_task import SHORT_S, NodeTask
from argon.settings import PREFETCH_S

GIVE_AHEAD_S: Final = SHORT_S
GIVE_AHEAD_MAX: Final = 64
GIVE_AHEAD_BYTES: Final = 16 << 10
RECALL_AFTER_S: Final = 0.005
_UNKNOWN_WORK_S: Final = 1.0


class Slot:
    """One worker process. ``tasks`` are those given and not answered, by sequence, in the order in which it runs them.

    A ``dying`` worker has been sent a signal; a ``leaving`` one ends by itself. From a ``recalled`` one was taken what
    it had not begun; it gets nothing ahead until it answers again.
    """

    __slots__ = (
        "worker",
        "ready",
        "dying",
        "leaving",
        "recalled",
        "served",
        "tasks",
        "work_s",
        "progress_at",
        "kill_at",
    )

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.ready = False
        self.dying = False
        self.leaving = False
        self.recalled = False
        self.served = 0
        self.tasks: dict[int, NodeTask] = {}
        self.work_s = 0.0
        self.progress_at = 0.0
        self.kill_at = inf

    def serves(self) -> bool:
        """Whether it is up and staying."""
        return self.ready and not self.dying and not self.leaving

    def ends_at(self) -> float:
        """When it is predicted to be done with all it has."""
        return self.progress_at + self.work_s

    def recall_at(self) -> float:
        """When its silence becomes a reason to take back what it was given ahead."""
        if len(self.tasks) < 2 or self.recalled:
            return inf
        return self.ends_at() + RECALL_AFTER_S


class WorkerEnd(Record):
    """How a worker process ended, as the shell found it.

    ``unstarted`` are the tasks it had been given and never took; ``entered`` is the one it entered last, 0 for none.
    """

    __slots__ = ("worker", "signal", "exit_code", "oom", "reason", "unstarted", "entered")

    def __init__(
        self, worker: int, signal: int, exit_code: int, oom: bool, reason: str, unstarted: list[int], entered: int
    ) -> None:
        self.worker = worker
        self.signal = signal
        self.exit_code = exit_code
        self.oom = oom
        self.reason = reason
        self.unstarted = unstarted
        self.entered = entered


class Workers:
    """All worker processes of a node.

    Args:
        wanted: how many shall serve at a time.
        max_requests: how many tasks one serves before it is replaced, None for no end.
    """

    def __init__(self, wanted: int, max_requests: int | None) -> None:
        self._wanted = wanted
        self._max_requests = max_requests
        self._slots: dict[int, Slot] = {}
        self._free: dict[int, Slot] = {}
        self._laden: dict[int, Slot] = {}
        self._turns: deque[Slot] = deque()
        self._last = 0

    def all(self) -> list[Slot]:
        """Every worker process, dying ones included."""
        return list(self._slots.values())

    def get(self, worker: int) -> Slot | None:
        """The worker of this number, if it is still there."""
        return self._slots.get(worker)

    def add(self) -> int:
        """A new worker is being started; returns its number."""
        self._last += 1
        slot = self._slots[self._last] = Slot(self._last)
        self._turns.append(slot)
        return self._last

    def remove(self, slot: Slot) -> None:
        """A worker process is gone."""
        del self._slots[slot.worker]
        self._turns.remove(slot)
        self._free.pop(slot.worker, None)
        self._laden.pop(slot.worker, None)

    def capacity(self) -> int:
        """How many tasks can run at a time."""
        return min(self._wanted, sum(slot.serves() for slot in self._slots.values()))

    def next_for(self, task: NodeTask) -> Slot | None:
        """The worker that takes this task: a free one, else one that should be free very soon, else None."""
        if self._free and self._busy() < self._wanted:
            return next(iter(self._free.values()))
        return self._ahead(task)

    def has_free(self) -> bool:
        """Whether a worker has nothing to do although it could."""
        return bool(self._free) and self._busy() < self._wanted

    def laden(self) -> Slot | None:
        """A worker with a task ahead and more than a millisecond of work in all, while another has nothing to do."""
        if self._laden and self.has_free():
            for slot in self._laden.values():
                if not slot.recalled:
                    return slot
        return None

    def give(self, slot: Slot, task: NodeTask, now: float) -> None:
        """Books a task on a worker."""
        if not slot.tasks:
            slot.progress_at = now
            slot.recalled = False
            self._free.pop(slot.worker, None)
        task.worker = slot.worker
        slot.tasks[task.sequence] = task
        slot.work_s += task.predicted_s or _UNKNOWN_WORK_S
        if slot.work_s > GIVE_AHEAD_S and len(slot.tasks) > 1:
            self._laden[slot.worker] = slot

    def take(self, slot: Slot, sequence: int) -> NodeTask | None:
        """Takes a task off a worker, if it is there."""
        task = slot.tasks.pop(sequence, None)
        if task is not None:
            slot.work_s = slot.work_s - (task.predicted_s or _UNKNOWN_WORK_S) if slot.tasks else 0.0
            if self._laden and len(slot.tasks) < 2:
                self._laden.pop(slot.worker, None)
        return task

    def rest(self, slot: Slot) -> bool:
        """Books that a worker has nothing to do; returns whether it has served its time and must be replaced."""
        if slot.tasks or not slot.serves():
            return False
        if self._max_requests is not None and slot.served >= self._max_requests:
            slot.leaving = True
            self._free.pop(slot.worker, None)
            return True
        self._free[slot.worker] = slot
        return False

    def condemn(self, slot: Slot, kill_at: float) -> None:
        """Books that a worker is sent a signal, and a stronger one at ``kill_at``."""
        slot.dying = True
        slot.kill_at = kill_at
        self._free.pop(slot.worker, None)

    def next_deadline(self) -> float:
        """When a worker is to be killed for good or recalled from; infinity for never."""
        moment = inf
        for slot in self._slots.values():
            if slot.kill_at < moment:
                moment = slot.kill_at
            moment = min(moment, slot.recall_at())
        return moment

    def _busy(self) -> int:
        if self._max_requests is None:
            return 0
        return sum(bool(slot.tasks) for slot in self._slots.values() if slot.serves())

    def _ahead(self, task: NodeTask) -> Slot | None:
        """A busy worker that should soon be done: with all it has, in turn, or the first to end the one task it has."""
        seconds = task.predicted_s
        if not 0.0 < seconds <= PREFETCH_S or payload_bytes(task.assign.payload) > GIVE_AHEAD_BYTES:
            return None
        turns, soonest = self._turns, None
        for _ in range(len(turns)):
            slot = turns[0]
            turns.rotate(-1)
            given = len(slot.tasks)
            if (
                not 0 < given < GIVE_AHEAD_MAX
                or slot.recalled
                or not slot.serves()
                or (self._max_requests is not None and slot.served + given >= self._max_requests)
            ):
                continue
            if slot.work_s + seconds <= GIVE_AHEAD_S:
                return slot
            if given == 1 and slot.work_s <= PREFETCH_S and (soonest is None or slot.ends_at() < soonest.ends_at()):
                soonest = slot
        return soonest
