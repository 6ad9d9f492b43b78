"""The worker processes of a node: which there are, what is assigned to each, and which takes the next task.

In: that workers start, become ready, are assigned tasks, answer and end. Out: the worker for the next task, and
numbers. It must never send anything or end anybody: that is ``NodeState``'s.

Of tasks predicted to be very short a busy worker prefetches a few, as many as it should finish within
``PREFETCH_SHORT_S``; of those up to ``PREFETCH_S`` one, so that it need not wait for its node in between. It takes them
one at a time, so what it has not started can be recalled: when it falls silent, and the longer one as soon as another
worker is free.

With ``max_requests`` there is one spare worker, ready to take the place of one that has served its time.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from argon.protocol.ids import LocalTaskId, WorkerId
from argon.protocol.messages import payload_bytes
from argon.scheduling.node.node_task import SHORT_S, NodeTask
from argon.scheduling.node.worker_slot import WorkerSlot, WorkerState
from argon.settings import PREFETCH_S

PREFETCH_SHORT_S: Final = SHORT_S
PREFETCH_MAX: Final = 64
PREFETCH_BYTES: Final = 16 << 10
_UNKNOWN_WORK_S: Final = 1.0


class Workers:
    """All worker processes of a node.

    Args:
        wanted: how many shall serve at a time.
        max_requests: how many tasks one serves before it is replaced, None for no end.
    """

    def __init__(self, wanted: int, max_requests: int | None) -> None:
        self._wanted = wanted
        self._max_requests = max_requests
        self._slots: dict[WorkerId, WorkerSlot] = {}
        self._free: dict[WorkerId, WorkerSlot] = {}
        self._has_prefetched: dict[WorkerId, WorkerSlot] = {}
        self._turns: deque[WorkerSlot] = deque()
        self._last = 0

    def all(self) -> list[WorkerSlot]:
        """Every worker process, dying ones included."""
        return list(self._slots.values())

    def get(self, worker: WorkerId) -> WorkerSlot | None:
        """The worker of this number, if it is still there."""
        return self._slots.get(worker)

    def add(self) -> WorkerId:
        """Books a worker that is being started; returns its number."""
        self._last += 1
        slot = self._slots[self._last] = WorkerSlot(self._last)
        self._turns.append(slot)
        return self._last

    def remove(self, slot: WorkerSlot) -> None:
        """Forgets a worker whose process has ended."""
        del self._slots[slot.worker]
        self._turns.remove(slot)
        self._free.pop(slot.worker, None)
        self._has_prefetched.pop(slot.worker, None)

    def capacity(self) -> int:
        """How many tasks can run at a time."""
        return min(self._wanted, sum(slot.serves() for slot in self._slots.values()))

    def has_free(self) -> bool:
        """Whether a worker has nothing to do although it could."""
        return bool(self._free) and self._busy() < self._wanted

    def next_for(self, task: NodeTask) -> WorkerSlot | None:
        """The worker that takes this task: a free one, else one that should be free very soon, else None."""
        if self._free and self._busy() < self._wanted:
            return next(iter(self._free.values()))
        return self._next_to_prefetch(task)

    def recallable(self) -> WorkerSlot | None:
        """A worker that has prefetched, with more than a millisecond of work in all, while another is free."""
        if self._has_prefetched and self.has_free():
            for slot in self._has_prefetched.values():
                if slot.state == WorkerState.BUSY:
                    return slot
        return None

    def assign(self, slot: WorkerSlot, task: NodeTask, now: float) -> None:
        """Books a task on a worker."""
        if slot.state == WorkerState.FREE:
            slot.move(WorkerState.BUSY)
            slot.progress_at = now
            del self._free[slot.worker]
        task.worker = slot.worker
        slot.tasks[task.local_task_id] = task
        slot.work_s += task.predicted_s or _UNKNOWN_WORK_S
        if slot.work_s > PREFETCH_SHORT_S and len(slot.tasks) > 1:
            self._has_prefetched[slot.worker] = slot

    def release(self, slot: WorkerSlot, local_task_id: LocalTaskId) -> NodeTask | None:
        """Takes a task off a worker that has answered or returned it; None if it is not there."""
        task = slot.tasks.get(local_task_id)  # not pop(): compiled, that is twice as dear as both of these
        if task is not None:
            del slot.tasks[local_task_id]
            left_s = slot.work_s - (task.predicted_s or _UNKNOWN_WORK_S)
            slot.work_s = max(0.0, left_s) if slot.tasks else 0.0  # sums of fractions drift
            if self._has_prefetched and len(slot.tasks) < 2:
                self._has_prefetched.pop(slot.worker, None)
        return task

    def mark_ready(self, slot: WorkerSlot) -> None:
        """Books that a worker is up."""
        slot.move(WorkerState.FREE)
        self._free[slot.worker] = slot

    def mark_free(self, slot: WorkerSlot) -> bool:
        """Books that a worker has no task left, if so; returns whether it leaves, having served its time."""
        if slot.tasks or (slot.state != WorkerState.BUSY and slot.state != WorkerState.RECALLED):
            return False
        if self._max_requests is not None and slot.served >= self._max_requests:
            slot.move(WorkerState.LEAVING)
            return True
        slot.move(WorkerState.FREE)
        self._free[slot.worker] = slot
        return False

    def mark_dying(self, slot: WorkerSlot, kill_at: float) -> None:
        """Books that a worker is sent SIGTERM, and SIGKILL at ``kill_at``."""
        slot.move(WorkerState.DYING)
        slot.kill_at = kill_at

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
            return 0  # each worker serves for ever, so there are no more than wanted
        return sum(bool(slot.tasks) for slot in self._slots.values() if slot.serves())

    def _next_to_prefetch(self, task: NodeTask) -> WorkerSlot | None:
        """A busy worker that should soon be done: with all it has, in turn, or the first to end the one task it has."""
        seconds = task.predicted_s
        if not 0.0 < seconds <= PREFETCH_S or payload_bytes(task.assign.payload) > PREFETCH_BYTES:
            return None
        turns, soonest = self._turns, None
        for _ in range(len(turns)):
            slot = turns[0]
            turns.rotate(-1)
            count = len(slot.tasks)
            if (
                slot.state != WorkerState.BUSY
                or count >= PREFETCH_MAX
                or (self._max_requests is not None and slot.served + count >= self._max_requests)
            ):
                continue
            if slot.work_s + seconds <= PREFETCH_SHORT_S:
                return slot
            if count == 1 and slot.work_s <= PREFETCH_S and (soonest is None or slot.ends_at() < soonest.ends_at()):
                soonest = slot
        return soonest
