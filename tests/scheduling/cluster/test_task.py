"""The record of a task: a new one waits, never assigned, until its deadline."""

from __future__ import annotations

from math import inf

import pytest

from argon.scheduling.cluster.task import Task, TaskState, admitted_task
from argon.scheduling.transitions import InvalidTransition
from tests.support.drivers import submit

QUEUED, ASSIGNED, CANCELLING, SETTLED = TaskState.QUEUED, TaskState.ASSIGNED, TaskState.CANCELLING, TaskState.SETTLED
MOVES = {
    *((QUEUED, ASSIGNED), (QUEUED, SETTLED), (ASSIGNED, QUEUED), (ASSIGNED, CANCELLING)),
    *((ASSIGNED, SETTLED), (CANCELLING, SETTLED)),
}


def test_admitted_task_carries_what_was_submitted() -> None:
    task = admitted_task(9, 4, submit(3, priority=1, payload=b"xyz", idempotent=True, kind=5, key=6), 3, 100.0)
    assert (task.id, task.client, task.client_task_id) == (9, 4, 3)
    assert (task.priority, task.kind, task.key, task.idempotent) == (1, 5, 6, True)
    assert (task.payload, task.size_bytes, task.queued_at) == (b"xyz", 3, 100.0)
    assert (task.state, task.attempt, task.losses) == (QUEUED, 0, 0)


@pytest.mark.parametrize(("timeout_s", "deadline"), [(0.0, inf), (2.5, 102.5)])
def test_deadline_is_the_moment_at_which_the_timeout_passes(timeout_s: float, deadline: float) -> None:
    assert admitted_task(1, 1, submit(1, timeout_s=timeout_s), 0, 100.0).deadline == deadline


def test_tasks_with_equal_fields_are_different_tasks() -> None:
    assert admitted_task(1, 1, submit(1), 0, 0.0) != admitted_task(1, 1, submit(1), 0, 0.0)


def task_in(state: int) -> Task:
    task = admitted_task(7, 1, submit(1), 0, 0.0)
    for step in {QUEUED: [], ASSIGNED: [ASSIGNED], CANCELLING: [ASSIGNED, CANCELLING], SETTLED: [SETTLED]}[state]:
        task.move(step)
    return task


@pytest.mark.parametrize("state", [QUEUED, ASSIGNED, CANCELLING, SETTLED])
@pytest.mark.parametrize("to", [QUEUED, ASSIGNED, CANCELLING, SETTLED])
def test_task_moves_only_as_its_table_says(state: int, to: int) -> None:
    task = task_in(state)
    if (state, to) in MOVES:
        task.move(to)
        assert task.state == to
    else:
        with pytest.raises(InvalidTransition, match="task 7 is"):
            task.move(to)
        assert task.state == state
