"""The tasks of a client that wait for their turn.

In: tasks, as they come, and those that come back. Out: the next one. It must never send anything.

Of the priorities the one whose turn it is (``ageing.py``), counted in tasks. What goes by its age has 12.5 % of the
client's places in the cluster at a time, or one: what waits there for its turn must not keep out what is urgent.

Of a priority's tasks the oldest goes, and what comes back was there before those that wait. Only where tasks with a
timeout wait so long that the oldest has lost half of its time, the newest of them goes first: then not all can be
answered in time, and whoever is served at the end of its time may be too late all the same. Tasks without a timeout
keep their order, and every second turn.
"""

from __future__ import annotations

from math import inf

from argon.protocol.ids import ClientTaskId
from argon.scheduling.ageing import AGED_SHARE, LEVELS, Ageing
from argon.scheduling.client.client_task import ClientTask, ClientTaskState
from argon.scheduling.task_line import TaskLine
from argon.settings import AGE_STEP_S


def _waits(task: ClientTask) -> bool:
    return task.state == ClientTaskState.WAITING


def _id(task: ClientTask) -> ClientTaskId:
    return task.client_task_id


class PriorityBacklog:
    """The tasks of one priority that wait: ``patient`` ones have no timeout, ``timed`` ones have; each line by the ids
    of its tasks. ``waiting`` is how many there are."""

    __slots__ = ("waiting", "patient", "timed", "_patient_next")

    def __init__(self) -> None:
        self.waiting = 0
        self.patient: TaskLine[ClientTask] = TaskLine(_waits)
        self.timed: TaskLine[ClientTask] = TaskLine(_waits)
        self._patient_next = False

    def oldest(self) -> ClientTask:
        """The task that has waited longest. Some must wait."""
        patient, timed = self.patient.first(), self.timed.first()
        if timed is None or (patient is not None and patient.client_task_id < timed.client_task_id):
            assert patient is not None
            return patient
        return timed

    def is_newest_first(self, now: float) -> bool:
        """Whether the oldest task with a timeout has lost half of its time."""
        timed = self.timed.first()
        return timed is not None and now >= timed.stale_at

    def take(self, now: float) -> ClientTask:
        """Takes out the next task. Some must wait."""
        task, timed = self.patient.first(), self.timed.first()
        if timed is not None:
            if now >= timed.stale_at:  # the newest of them, and every second time the oldest patient one
                self._patient_next = not self._patient_next
                if task is None or not self._patient_next:
                    task = self.timed.last()
            elif task is None or timed.client_task_id < task.client_task_id:
                task = timed
        assert task is not None
        self.remove(task)
        return task

    def append(self, task: ClientTask) -> None:
        """Adds a task that is younger than all."""
        self.waiting += 1
        self._line_of(task).append(task)

    def put_back(self, task: ClientTask) -> None:
        """Adds a task that was here before, in its place."""
        self.waiting += 1
        self._line_of(task).put_back(task, _id)

    def remove(self, task: ClientTask) -> None:
        """Takes out a task."""
        self.waiting -= 1
        self._line_of(task).remove(task)

    def _line_of(self, task: ClientTask) -> TaskLine[ClientTask]:
        return self.patient if task.deadline == inf else self.timed


class Backlog:
    """The tasks that wait, of every priority."""

    __slots__ = ("_priorities", "_length", "_ageing", "_by_age")

    def __init__(self) -> None:
        self._priorities = [PriorityBacklog() for _ in range(LEVELS)]
        self._length = 0
        self._ageing = Ageing(AGE_STEP_S)
        self._by_age: list[ClientTask] = []

    def __len__(self) -> int:
        """How many tasks wait."""
        return self._length

    def add(self, task: ClientTask) -> None:
        """Adds a new task."""
        self._priorities[task.options.priority].append(task)
        self._length += 1

    def put_back(self, task: ClientTask) -> None:
        """Adds a task that was taken before, in its place."""
        self._priorities[task.options.priority].put_back(task)
        self._length += 1

    def remove(self, task: ClientTask) -> None:
        """Takes out a task, which must be settled then."""
        self._priorities[task.options.priority].remove(task)
        self._length -= 1

    def most_urgent(self) -> int:
        """The most urgent priority of which something waits; one that is less urgent than all if nothing does."""
        for priority, tasks in enumerate(self._priorities):
            if tasks.waiting:
                return priority
        return LEVELS

    def is_newest_first(self, priority: int, now: float) -> bool:
        """Whether a task of this priority and with a timeout would be the next if it came now, since others wait that
        have lost half of their time."""
        return self.most_urgent() == priority and self._priorities[priority].is_newest_first(now)

    def take(self, now: float, places: int) -> ClientTask:
        """Takes out the next task, which must be sent or settled then. Some must wait.

        Args:
            places: how many tasks the cluster allows this client to have there; 0 if only the most urgent may go.
        """
        urgent = priority = self.most_urgent()
        aged_levels = 0
        if places and self._priorities[urgent].waiting < self._length:
            levels = [level for level, tasks in enumerate(self._priorities) if tasks.waiting]
            priority, aged_levels = self._ageing.turn(levels, self._since(levels), now)
            if priority != urgent:
                self._by_age = [task for task in self._by_age if task.is_sent()]
                if len(self._by_age) >= max(1, places // AGED_SHARE):
                    priority = urgent
        self._ageing.charge(priority, urgent, work=1.0, aged_levels=aged_levels)
        task = self._priorities[priority].take(now)
        self._length -= 1
        if priority != urgent:
            self._by_age.append(task)
        return task

    def _since(self, levels: list[int]) -> list[float]:
        """Since when the oldest of each of these priorities waits."""
        return [self._priorities[level].oldest().since for level in levels]
