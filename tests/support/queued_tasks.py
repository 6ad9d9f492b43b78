"""Tasks for a queue, and a queue served as the state machine of the cluster serves it."""

from __future__ import annotations

from math import inf

from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState

NOW = 100.0


def a_task(
    id_: int,
    client: int = 1,
    priority: int = 2,
    at: float = NOW,
    predicted_s: float = 1.0,
    deadline: float = inf,
    size_bytes: int = 10,
    waited_s: float = 0.0,
) -> Task:
    """A task that came at this moment, after so long a wait in its client."""
    task = Task(
        id=id_,
        client=client,
        client_task_id=id_,
        priority=priority,
        kind=1,
        key=0,
        idempotent=True,
        deadline=deadline,
        payload=b"",
        size_bytes=size_bytes,
        queued_at=at,
        since=at - waited_s,
    )
    task.predicted_s = predicted_s
    return task


def take(queue: TaskQueue, now: float = NOW) -> Task:
    """Pops as the state machine does: what is assigned has another state and one more attempt."""
    peeked = queue.peek(now)
    task = queue.pop(now)
    assert task is peeked
    task.state = TaskState.ASSIGNED
    task.attempt += 1
    return task


def drop(queue: TaskQueue, task: Task) -> None:
    """Takes a task out as the state machine does when it ends unserved."""
    task.state = TaskState.SETTLED
    queue.remove(task)
