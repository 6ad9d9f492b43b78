"""A line of tasks, first in, first out, which tasks also leave from the middle.

In: tasks, as they come and as they leave. Out: the first and the last that wait. It must never look at a clock.

A task that leaves from the middle is not looked for: its entry stays as a tombstone, goes when it comes to an end of
the line, and is swept when tombstones outnumber the tasks that wait.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_SWEEP_MIN: Final = 32
_Task = TypeVar("_Task")


class TaskLine(Generic[_Task]):
    """One line.

    Args:
        waits: whether a task that was added still waits in the line. Asked only where there are tombstones.
    """

    __slots__ = ("_tasks", "_tombstones", "_waits")

    def __init__(self, waits: Callable[[_Task], bool]) -> None:
        self._waits = waits
        self._tasks: deque[_Task] = deque()
        self._tombstones = 0

    def __len__(self) -> int:
        """How many tasks wait."""
        return len(self._tasks) - self._tombstones

    def append(self, task: _Task) -> None:
        """Adds a task at the end."""
        self._tasks.append(task)

    def put_back(self, task: _Task, order: Callable[[_Task], int]) -> None:
        """Adds a task at its place, in a line whose tasks, tombstones included, stand by ``order``. Its own entry must
        not be a tombstone there."""
        self._tasks.insert(bisect_left(self._tasks, order(task), key=order), task)

    def first(self) -> _Task | None:
        """The task that came first, None where nothing waits."""
        tasks = self._tasks
        while self._tombstones and not self._waits(tasks[0]):
            tasks.popleft()
            self._tombstones -= 1
        return tasks[0] if tasks else None

    def last(self) -> _Task | None:
        """The task that came last, None where nothing waits."""
        tasks = self._tasks
        while self._tombstones and not self._waits(tasks[-1]):
            tasks.pop()
            self._tombstones -= 1
        return tasks[-1] if tasks else None

    def remove(self, task: _Task) -> None:
        """Takes a task out, which must be there; from now on ``waits`` must say no for it. No tombstone is left of what
        was ``first`` or ``last`` just now."""
        tasks = self._tasks
        if tasks[0] is task:
            tasks.popleft()
        elif tasks[-1] is task:
            tasks.pop()
        else:
            self._tombstones += 1
            if self._tombstones > _SWEEP_MIN and 2 * self._tombstones > len(tasks):
                self._tasks = deque(other for other in tasks if other is not task and self._waits(other))
                self._tombstones = 0

    def waiting(self) -> list[_Task]:
        """The tasks that wait, in order."""
        return [task for task in self._tasks if self._waits(task)] if self._tombstones else list(self._tasks)
