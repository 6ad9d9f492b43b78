"""The bounded queue at a constant length: tasks leave at its front and others come at its end."""

from __future__ import annotations

from itertools import count
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
    queue, arrivals = TaskQueue(AGE_STEP_S), count()

    def push() -> None:
        id_ = next(arrivals)
        task = Task(id_, 1 + id_ % clients, id_, 2, KIND, 0, False, inf, TASK, len(TASK), NOW)
        task.predicted_s = RUN_S
        queue.push(task)

    for _ in range(waiting):
        push()

    def turn() -> None:
        for _ in range(batch):
            assert queue.peek(NOW) is not None
            queue.pop(NOW).state = TaskState.ASSIGNED
        for _ in range(batch):
            push()

    benchmark(turn)
    assert len(queue) == waiting
