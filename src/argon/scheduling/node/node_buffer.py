"""What waits on a node for any of its workers: one line for all, so that whichever frees first takes the next.

In: tasks, and which of them ended otherwise. Out: the most urgent one. It must never know a worker.

What is removed stays in the heap, and is swept when ``peek`` finds it in front. Until then the task must not be pushed
again, since it would be there twice. So a task that is removed from the middle never comes back: it has ended.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from argon.scheduling.node.node_task import NodeTask


class NodeBuffer:
    """Tasks that no worker has, the most urgent first, and of equals the one that came first.

    Attributes:
        length: how many wait.
    """

    __slots__ = ("_heap", "length")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, NodeTask]] = []
        self.length = 0

    def push(self, task: NodeTask) -> None:
        """A task waits."""
        task.worker, task.waits = 0, True
        heappush(self._heap, (task.assign.priority, task.local_task_id, task))
        self.length += 1

    def peek(self) -> NodeTask | None:
        """The next task, or None."""
        while self._heap:
            task = self._heap[0][2]
            if task.waits:
                return task
            heappop(self._heap)
        return None

    def remove(self, task: NodeTask) -> None:
        """A task waits no more. What is left of it is swept later."""
        task.waits = False
        self.length -= 1
        if len(self._heap) > 2 * self.length + 64:
            self._heap = [entry for entry in self._heap if entry[2].waits]
            heapify(self._heap)

    def clear(self) -> list[NodeTask]:
        """Nothing waits any more; returns what did."""
        tasks = self.waiting()
        for task in tasks:
            task.waits = False
        self._heap.clear()
        self.length = 0
        return tasks

    def waiting(self) -> list[NodeTask]:
        """All that wait, in no order."""
        return [task for _, _, task in self._heap if task.waits]
