"""The buffer of a node: which task is next, and that what has ended leaves nothing behind."""

from __future__ import annotations

from math import inf

from argon.protocol.messages import Assign
from argon.scheduling.node.node_buffer import NodeBuffer
from argon.scheduling.node.node_task import NodeTask, NodeTaskState


def a_task(local_task_id: int, priority: int = 2) -> NodeTask:
    return NodeTask(Assign(local_task_id, 1, priority, 0.0, 7, b""), local_task_id, inf)


def popped(buffer: NodeBuffer) -> list[int]:
    """What comes out, in order."""
    local_task_ids = []
    while (task := buffer.peek()) is not None:
        buffer.pop()
        local_task_ids.append(task.local_task_id)
    return local_task_ids


def test_most_urgent_task_is_next_and_of_equals_the_one_that_came_first() -> None:
    buffer = NodeBuffer()
    for local_task_id, priority in ((1, 2), (2, 4), (3, 2), (4, 0)):
        buffer.push(a_task(local_task_id, priority))
    assert buffer.length == 4
    assert popped(buffer) == [4, 1, 3, 2]
    assert buffer.length == 0


def test_task_that_returns_goes_before_those_that_came_after_it() -> None:
    buffer = NodeBuffer()
    first, second = a_task(1), a_task(2)
    buffer.push(first)
    buffer.push(second)
    buffer.pop()
    first.move(NodeTaskState.ASSIGNED)
    assert buffer.peek() is second
    first.move(NodeTaskState.BUFFERED)
    buffer.push(first)
    assert popped(buffer) == [1, 2]


def test_task_that_ended_otherwise_is_passed_over_and_swept() -> None:
    buffer = NodeBuffer()
    kept = a_task(1000)
    buffer.push(kept)
    for local_task_id in range(1, 1000):
        task = a_task(local_task_id)
        buffer.push(task)
        task.end()
        buffer.note_ended()
    assert buffer.length == 1
    assert 1 < len(buffer._heap) < 70
    assert buffer.waiting() == [kept]
    assert buffer.peek() is kept
    assert len(buffer._heap) == 1


def test_clear_returns_what_waited() -> None:
    buffer = NodeBuffer()
    tasks = [a_task(local_task_id) for local_task_id in (1, 2, 3)]
    for task in tasks:
        buffer.push(task)
    tasks.pop().end()
    buffer.note_ended()
    assert buffer.clear() == tasks
    assert (buffer.length, buffer.peek()) == (0, None)
