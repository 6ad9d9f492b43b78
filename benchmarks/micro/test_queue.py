"""The bounded queue at a constant length: tasks leave at its front and come back at its end."""

from __future__ import annotations

from math import inf

import pytest

from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState
from benchmarks.micro.messages import KIND, RUN_S, TASK, Measure, in_batches

AGE_STEP_S = 1.0
NOW = 1000.0


@in_batches
@pytest.mark.parametrize("clients", [1, 100], ids="{} clients".format)
@pytest.mark.parametrize("waiting", [100, 100_000], ids="{} waiting".format)
def test_queue_pop_and_push(benchmark: Measure, waiting: int, clients: int, batch: int) -> None:
    queue = TaskQueue(AGE_STEP_S)
    for id_ in range(waiting):
        task = Task(id_, 1 + id_ % clients, id_, 2, KIND, 0, False, inf, TASK, len(TASK), NOW)
        task.predicted_s = RUN_S
        queue.push(task)

    def turn() -> None:
        tasks = []
        for _ in range(batch):
            assert queue.peek(NOW) is not None
            tasks.append(queue.pop(NOW))
        for task in tasks:
            task.state = TaskState.QUEUED
            queue.push(task)

    benchmark(turn)
    assert len(queue) == waiting
