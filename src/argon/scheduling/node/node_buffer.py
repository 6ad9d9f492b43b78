"""What waits on a node for any of its workers: one queue for all, so that whichever frees first takes the next.

In: tasks, and that one of them has ended. Out: the most urgent one. It must never know a worker, nor move a task.

A task that ends here leaves a tombstone in the heap, which goes when it is in front, or when tombstones outnumber what
waits. An ended task never comes back, so no task is there twice.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from argon.scheduling.node.node_task import NodeTask, NodeTaskState

_SWEEP_MIN: Final = 64


class NodeBuffer:
    """The BUFFERED tasks of a node, the most urgent first, and of equals the one that came first.

    Attributes:
        length: how many wait.
    """

    __slots__ = ("_heap", "length")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, NodeTask]] = []
        self.length = 0

    def push(self, task: NodeTask) -> None:
        """Adds a task, also one that has come back from a worker."""
        heappush(self._heap, (task.assign.priority, task.local_task_id, task))
        self.length += 1

    def peek(self) -> NodeTask | None:
        """The next task, or None."""
        while self._heap:
            task = self._heap[0][2]
            if task.state == NodeTaskState.BUFFERED:
                return task
            heappop(self._heap)
        return None

    def pop(self) -> None:
        """Takes out the task that ``peek`` has just returned."""
        heappop(self._heap)
        self.length -= 1

    def note_ended(self) -> None:
        """Counts off a task that has ended where it waited."""
        self.length -= 1
        if len(self._heap) > 2 * self.length + _SWEEP_MIN:
            self._heap = [entry for entry in self._heap if entry[2].state == NodeTaskState.BUFFERED]
            heapify(self._heap)

    def clear(self) -> list[NodeTask]:
        """Takes out all that waits, in no order."""
        tasks = self.waiting()
        self._heap.clear()
        self.length = 0
        return tasks

    def waiting(self) -> list[NodeTask]:
        """All that waits, in no order."""
        return [task for _, _, task in self._heap if task.state == NodeTaskState.BUFFERED]
