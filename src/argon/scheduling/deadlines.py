"""Moments at which something is to be done about a task, the earliest first: in the cluster, a node and a client.

In: moments with their tasks. Out: the tasks whose moment has come, and the next moment. It must never look at a clock.

A task that no longer needs its moment is not looked for: its entry stays as a tombstone, and goes when its moment has
come, or when the entries have doubled since they were last swept.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, Final, Generic, TypeVar

_SWEEP_MIN: Final = 64
_Task = TypeVar("_Task")


class Deadlines(Generic[_Task]):
    """The moments of the tasks of one state machine.

    Args:
        is_due: whether a task still needs its moment.
    """

    __slots__ = ("_entries", "_is_due", "_order", "_sweep_at")

    def __init__(self, is_due: Callable[[_Task], bool]) -> None:
        self._is_due = is_due
        self._entries: list[tuple[float, int, Any]] = []
        self._order = 0
        self._sweep_at = _SWEEP_MIN

    def __len__(self) -> int:
        """How many entries there are, tombstones included."""
        return len(self._entries)

    def add(self, moment: float, task: _Task) -> None:
        """Notes a moment of a task; it may have several. Of equal moments the one that was noted first comes first."""
        self._order += 1
        heappush(self._entries, (moment, self._order, task))
        if len(self._entries) > self._sweep_at:
            self._entries = [entry for entry in self._entries if self._is_due(entry[2])]
            heapify(self._entries)
            self._sweep_at = 2 * len(self._entries) + _SWEEP_MIN

    def due(self, now: float) -> list[_Task]:
        """Takes out the tasks whose moment has come and that still need it, in the order of their moments."""
        tasks: list[_Task] = []
        while self._entries and self._entries[0][0] <= now:
            task: _Task = heappop(self._entries)[2]
            if self._is_due(task):
                tasks.append(task)
        return tasks

    def earliest(self) -> float:
        """The earliest moment that a task still needs; infinity for none. Costs more than ``next_moment``."""
        while self._entries and not self._is_due(self._entries[0][2]):
            heappop(self._entries)
        return self.next_moment()

    def next_moment(self) -> float:
        """The earliest moment, that of a tombstone perhaps; infinity for none."""
        return self._entries[0][0] if self._entries else inf
