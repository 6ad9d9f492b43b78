"""The states of a worker process, and when its silence becomes a reason to recall it."""

from __future__ import annotations

from math import inf

import pytest

from argon.protocol.messages import Assign
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.node.worker_slot import RECALL_AFTER_S, WorkerSlot, WorkerState
from argon.scheduling.transitions import InvalidTransition


def busy_slot(tasks: int, work_s: float = 0.0, progress_at: float = 0.0) -> WorkerSlot:
    slot = WorkerSlot(3)
    slot.move(WorkerState.FREE)
    slot.move(WorkerState.BUSY)
    for number in range(1, tasks + 1):
        slot.tasks[number] = NodeTask(Assign(number, 1, 2, 0.0, 7, b""), number, inf)
    slot.work_s, slot.progress_at = work_s, progress_at
    return slot


def test_worker_serves_from_when_it_is_up_until_it_leaves_or_dies() -> None:
    slot = WorkerSlot(3)
    assert not slot.serves()
    for state in (WorkerState.FREE, WorkerState.BUSY, WorkerState.RECALLED):
        slot.move(state)
        assert slot.serves()
    slot.move(WorkerState.DYING)
    assert not slot.serves()
    leaver = busy_slot(0)
    leaver.move(WorkerState.LEAVING)
    assert not leaver.serves()


@pytest.mark.parametrize("to", [WorkerState.STARTING, WorkerState.RECALLED, WorkerState.DYING, WorkerState.LEAVING])
def test_free_worker_makes_no_move_but_to_work(to: int) -> None:
    slot = WorkerSlot(3)
    slot.move(WorkerState.FREE)
    with pytest.raises(InvalidTransition, match="worker 3 is FREE"):
        slot.move(to)
    assert slot.state == WorkerState.FREE


def test_recall_is_booked_on_a_busy_worker_once_and_on_no_other() -> None:
    slot = busy_slot(2)
    slot.mark_recalled()
    slot.mark_recalled()
    assert slot.state == WorkerState.RECALLED
    slot.move(WorkerState.DYING)
    slot.mark_recalled()
    assert slot.state == WorkerState.DYING


def test_silence_counts_only_when_something_waits_behind_and_was_not_recalled_already() -> None:
    assert busy_slot(1, work_s=0.5).recall_at() == inf
    slot = busy_slot(2, work_s=0.5, progress_at=10.0)
    assert slot.recall_at() == 10.5 + RECALL_AFTER_S, "what it has may take that long"
    slot.mark_recalled()
    assert slot.recall_at() == inf
