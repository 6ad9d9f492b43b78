"""The tasks of a client that wait for their turn.

In: tasks, as they come, and those that come back. Out: the next one. It must never send anything.

The most urgent first, and of these the oldest; what comes back was there before those that wait. So that none starves
in its own client, a line counts as one priority more urgent for each second without a turn; it then has one turn, since
a long line of old tasks must not hold up what is urgent. Only where tasks with
a timeout wait so long that the oldest has lost half of its time, the newest of them goes first: then not all can be
answered in time, and whoever is served at the end of its time may be too late all the same. Tasks without a timeout
keep their order, and every second turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from math import inf
from operator import attrgetter
from typing import Final

from argon.scheduling.client_task import ClientTask
from argon.settings import AGE_STEP_S

_LEVELS: Final = 5
_LEFTOVERS_MIN: Final = 64
_number: Final = attrgetter("id")


class Line:
    """The tasks of one priority: ``patient`` ones have no timeout, ``timed`` ones have. Each by number.

    Its last turn was at ``turn_at``.
    """

    __slots__ = ("patient", "timed", "patient_next", "turn_at")

    def __init__(self) -> None:
        self.patient: deque[ClientTask] = deque()
        self.timed: deque[ClientTask] = deque()
        self.patient_next = False
        self.turn_at = -inf

    def take(self, now: float) -> ClientTask | None:
        """The next task."""
        oldest = self.oldest()
        patient, timed = self.patient, self.timed
        if oldest is None or not timed or now < timed[0].stale_at:
            return None if oldest is None else (patient if patient and patient[0] is oldest else timed).popleft()
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

    __slots__ = ("_lines", "_length", "_leftovers")

    def __init__(self) -> None:
        self._lines = [Line() for _ in range(_LEVELS)]
        self._length = 0
        self._leftovers = 0

    def __len__(self) -> int:
        return self._length

    def add(self, task: ClientTask) -> None:
        """A task has come."""
        line = self._lines[task.options.priority]
        if task.deadline == inf:
            line.patient.append(task)
        else:
            line.timed.append(task)
        task.waits = True
        self._length += 1

    def put_back(self, task: ClientTask) -> None:
        """A task that was taken comes back to its place."""
        line = self._lines[task.options.priority]
        tasks = line.patient if task.deadline == inf else line.timed
        tasks.insert(bisect_left(tasks, task.id, key=_number), task)
        task.waits = True
        self._length += 1

    def is_newest_first(self, priority: int, now: float) -> bool:
        """Whether a task of this priority and with a timeout would be the next if it came now, since others wait that
        have lost half of their time."""
        if any(line.oldest() for line in self._lines[:priority]):
            return False
        line = self._lines[priority]
        line.oldest()
        return bool(line.timed) and now >= line.timed[0].stale_at

    def take(self, now: float) -> ClientTask:
        """The next one. Some must wait."""
        busy = [line for line in self._lines if line.patient or line.timed]
        line = busy[0] if len(busy) == 1 else self._most_urgent(now)
        task = line.take(now)
        assert task is not None, "the backlog is empty, whatever its length says"
        line.turn_at = now
        task.waits = False
        self._length -= 1
        return task

    def _most_urgent(self, now: float) -> Line:
        first, urgency = self._lines[0], (inf, inf)
        for level, line in enumerate(self._lines):
            oldest = line.oldest()
            if oldest is not None:
                since = max(oldest.since, line.turn_at)
                here = (level - (now - since) // AGE_STEP_S, since)
                if here < urgency:
                    first, urgency = line, here
        return first

    def remove(self, task: ClientTask) -> None:
        """A task that waits need not wait any longer."""
        task.waits = False
        self._length -= 1
        self._leftovers += 1
        if self._leftovers > self._length + _LEFTOVERS_MIN:
            self._leftovers = 0
            for line in self._lines:
                line.sweep()
