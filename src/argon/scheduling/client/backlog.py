"""The tasks of a client that wait for their turn.

In: tasks, as they come, and those that come back. Out: the next one. It must never send anything.

Of the priorities the one whose turn it is (``ageing.py``), counted in tasks. What goes by its age has one in eight of
the client's places in the cluster at a time, or one: what waits there for its turn must not keep out what is urgent.

Of a priority's tasks the oldest goes, and what comes back was there before those that wait. Only where tasks with a
timeout wait so long that the oldest has lost half of its time, the newest of them goes first: then not all can be
answered in time, and whoever is served at the end of its time may be too late all the same. Tasks without a timeout
keep their order, and every second turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from math import inf
from operator import attrgetter
from typing import Final

from argon.scheduling.ageing import AGED_SHARE, LEVELS, Ageing
from argon.scheduling.client.client_task import ClientTask
from argon.settings import AGE_STEP_S

_LEFTOVERS_MIN: Final = 64
_number: Final = attrgetter("id")


class Line:
    """The tasks of one priority: ``patient`` ones have no timeout, ``timed`` ones have. Each by number, with husks of
    those that wait no longer. ``waiting`` is how many do."""

    __slots__ = ("waiting", "patient", "timed", "patient_next")

    def __init__(self) -> None:
        self.waiting = 0
        self.patient: deque[ClientTask] = deque()
        self.timed: deque[ClientTask] = deque()
        self.patient_next = False

    def take(self, now: float) -> ClientTask:
        """The next task. Some must wait."""
        patient, timed = self.patient, self.timed
        if not timed:
            task = patient.popleft()
            while not task.waits:
                task = patient.popleft()
            return task
        oldest = self.oldest()
        if not timed or now < timed[0].stale_at:
            return (patient if patient and patient[0] is oldest else timed).popleft()
        self.patient_next = not self.patient_next
        if self.patient_next and patient:
            return patient.popleft()
        while not timed[-1].waits:
            timed.pop()
        return timed.pop()

    def oldest(self) -> ClientTask | None:
        """The one that has waited longest."""
        patient, timed = self.patient, self.timed
        while patient and not patient[0].waits:
            patient.popleft()
        while timed and not timed[0].waits:
            timed.popleft()
        if not timed:
            return patient[0] if patient else None
        return patient[0] if patient and patient[0].id < timed[0].id else timed[0]

    def sweep(self) -> None:
        """Lets go of those that wait no longer."""
        self.patient = deque(task for task in self.patient if task.waits)
        self.timed = deque(task for task in self.timed if task.waits)


class Backlog:
    """All that waits."""

    __slots__ = ("_lines", "_length", "_leftovers", "_ageing", "_by_age")

    def __init__(self) -> None:
        self._lines = [Line() for _ in range(LEVELS)]
        self._length = 0
        self._leftovers = 0
        self._ageing = Ageing(AGE_STEP_S)
        self._by_age: list[ClientTask] = []

    def __len__(self) -> int:
        return self._length

    def add(self, task: ClientTask) -> None:
        """A task has come."""
        line = self._lines[task.options.priority]
        if task.deadline == inf:
            line.patient.append(task)
        else:
            line.timed.append(task)
        line.waiting += 1
        task.waits = True
        self._length += 1

    def put_back(self, task: ClientTask) -> None:
        """A task that was taken comes back to its place."""
        line = self._lines[task.options.priority]
        tasks = line.patient if task.deadline == inf else line.timed
        tasks.insert(bisect_left(tasks, task.id, key=_number), task)
        line.waiting += 1
        task.waits = True
        self._length += 1

    def most_urgent(self) -> int:
        """The most urgent priority of which something waits; one that is less urgent than all if nothing does."""
        for level, line in enumerate(self._lines):
            if line.waiting:
                return level
        return LEVELS

    def is_newest_first(self, priority: int, now: float) -> bool:
        """Whether a task of this priority and with a timeout would be the next if it came now, since others wait that
        have lost half of their time."""
        line = self._lines[priority]
        line.oldest()  # and no husk is in front
        return self.most_urgent() == priority and bool(line.timed) and now >= line.timed[0].stale_at

    def take(self, now: float, places: int) -> ClientTask:
        """The next one. Some must wait.

        Args:
            places: how many tasks the cluster allows this client to have there; 0 if only the most urgent may go.
        """
        urgent = level = self.most_urgent()
        aged_levels = 0
        if places and self._lines[level].waiting < self._length:
            levels = [number for number, line in enumerate(self._lines) if line.waiting]
            level, aged_levels = self._ageing.turn(levels, self._since(levels), now)
            if level != urgent:
                self._by_age = [task for task in self._by_age if task.sent]
                if len(self._by_age) >= max(1, places // AGED_SHARE):
                    level = urgent
        self._ageing.charge(level, urgent, work=1.0, aged_levels=aged_levels)
        line = self._lines[level]
        task = line.take(now)
        line.waiting -= 1
        task.waits = False
        self._length -= 1
        if level != urgent:
            self._by_age.append(task)
        return task

    def _since(self, levels: list[int]) -> list[float]:
        """Since when the oldest of each of these priorities waits."""
        return [oldest.since for level in levels if (oldest := self._lines[level].oldest()) is not None]

    def remove(self, task: ClientTask) -> None:
        """A task that waits need not wait any longer."""
        self._lines[task.options.priority].waiting -= 1
        task.waits = False
        self._length -= 1
        self._leftovers += 1
        if self._leftovers > self._length + _LEFTOVERS_MIN:
            self._leftovers = 0
            for line in self._lines:
                line.sweep()
