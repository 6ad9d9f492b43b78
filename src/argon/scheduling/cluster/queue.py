"""The bounded queue: which admitted task is next.

In: tasks. Out: the next task, by priority with ageing, then fairly between clients, then first in, first out. It must
never look at a clock (``now`` is given), never scan, and never decide whether a task may enter: that is admission's.

Order: the level whose turn it is (``ageing.py``, counted in predicted worker-seconds). Inside a level the client that
has used the fewest worker-seconds there goes first (start-time fair queueing, Goyal, Vin and Cheng 1996: a client that
was away starts level with those who stayed, it saves nothing up). Inside a client: arrival. A client has an account for
each level, since levels are served at different rates: by one account, a client that comes to a level from a busier one
would wait there until everybody else has used as much.

Tasks that leave from the middle (cancelled, expired) stay behind as tombstones, are skipped when they come to the
front, and are swept when they outnumber the living. A task that comes back after an assignment goes to a line of its
own; its tombstone elsewhere stays dead, since only tasks without an attempt live there.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Final

from argon.scheduling.ageing import LEVELS, Ageing
from argon.scheduling.cluster.task import Task, TaskState

_UNKNOWN_COST_S: Final = 0.001


def _waits(task: Task) -> bool:
    return task.state == TaskState.QUEUED and not task.attempt


def _cost_s(task: Task) -> float:
    return task.predicted_s or _UNKNOWN_COST_S


def _account(client: int, priority: int) -> int:
    """The number of a client's account on a level."""
    return client * LEVELS + priority


class _Lane:
    """A first-in, first-out line of tasks in which tombstones are skipped."""

    __slots__ = ("tombstones", "tasks", "work_s")

    def __init__(self) -> None:
        self.tasks: deque[Task] = deque()
        self.tombstones = 0
        self.work_s = 0.0

    def head(self) -> Task | None:
        tasks = self.tasks
        while tasks:
            task = tasks[0]
            if _waits(task):
                return task
            tasks.popleft()
            self.tombstones -= 1
        return None

    def leave_tombstone(self) -> None:
        self.tombstones += 1
        if self.tombstones > 32 and self.tombstones * 2 > len(self.tasks):
            self.tasks = deque(task for task in self.tasks if _waits(task))
            self.tombstones = 0


class _Level:
    """The tasks of one priority: a line for each client, by the number of its account, and one of all by arrival.

    ``turns`` has for each client an entry no higher than its account; the one at the top is brought up to date when it
    is looked at. ``elders`` are those that came after one that has waited less, in its client and here; all others came
    in the order in which they have waited, up to ``latest``.
    """

    __slots__ = ("arrivals", "clients", "turns", "elders", "latest")

    def __init__(self) -> None:
        self.arrivals = _Lane()
        self.clients: dict[int, _Lane] = {}
        self.turns: list[tuple[float, int]] = []
        self.elders: list[tuple[float, int, Task]] = []
        self.latest = -inf

    def note_wait(self, task: Task) -> None:
        """A task has come that has waited before."""
        if task.since >= self.latest:
            self.latest = task.since
            return
        heappush(self.elders, (task.since, task.id, task))
        if len(self.elders) > 2 * len(self.arrivals.tasks) + 64:
            self.elders = [entry for entry in self.elders if _waits(entry[2])]
            heapify(self.elders)

    def oldest_since(self) -> float:
        """Since when the one waits that has waited longest, in its client and here."""
        first = self.arrivals.head()
        assert first is not None
        elders = self.elders
        while elders and not _waits(elders[0][2]):
            heappop(elders)
        return min(first.since, elders[0][0]) if elders else first.since

    def list_turn(self, used_s: float, client: int) -> None:
        heappush(self.turns, (used_s, client))
        if len(self.turns) > 2 * len(self.clients) + 64:
            least: dict[int, float] = {}
            for listed_s, listed in self.turns:
                if listed in self.clients:
                    least[listed] = min(listed_s, least.get(listed, inf))
            self.turns = [(listed_s, listed) for listed, listed_s in least.items()]
            heapify(self.turns)


class TaskQueue:
    """Admitted tasks that no node has yet.

    Args:
        age_step_s: after this many seconds of waiting a task counts as one priority more urgent.
    """

    def __init__(self, age_step_s: float) -> None:
        self._ageing = Ageing(age_step_s)
        self._levels = [_Level() for _ in range(LEVELS)]
        self._busy_levels: list[int] = []
        self._returned: deque[Task] = deque()
        self._returned_s = 0.0
        self._used_s: dict[int, float] = {}
        self._level_s = [0.0] * LEVELS
        self._deadlines: list[tuple[float, int, Task]] = []
        self._next: tuple[int, int, Task] | None = None
        self._next_at = 0.0
        self.length = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        """How many tasks wait, those that came back from a lost node included."""
        return self.length + len(self._returned)

    def push(self, task: Task) -> None:
        """Adds an admitted task at the end of its client's line."""
        level = self._levels[task.priority]
        assert task.client is not None
        account = _account(task.client, task.priority)
        lane = level.clients.get(account)
        if lane is None:
            lane = level.clients[account] = _Lane()
            used_s = max(self._used_s.get(account, 0.0), self._level_s[task.priority])
            self._used_s[account] = used_s
            level.list_turn(used_s, account)
            if len(level.clients) == 1:
                self._busy_levels = sorted([*self._busy_levels, task.priority])
            elif len(level.clients) == 2:
                first = next(iter(level.clients))
                level.list_turn(self._used_s[first], first)
        lane.tasks.append(task)
        level.arrivals.tasks.append(task)
        level.note_wait(task)
        work_s = _cost_s(task)
        lane.work_s += work_s
        level.arrivals.work_s += work_s
        self.length += 1
        self.size_bytes += task.size_bytes
        if task.deadline != inf:
            self._note_deadline(task)
        self._next = None

    def ahead_s(self, priority: int, client: int, seconds: float) -> float:
        """The predicted work that would go before one more task of ``seconds``, given where it would stand now.

        That is what came back from a node, what is more urgent, and of its own level no more for each client than its
        own has there with it.
        """
        ahead_s = self._returned_s
        for busy in self._busy_levels:
            if busy > priority:
                break
            level = self._levels[busy]
            if busy < priority:
                ahead_s += level.arrivals.work_s
                continue
            lane = level.clients.get(_account(client, priority))
            own_s = lane.work_s if lane is not None else 0.0
            others = len(level.clients) - (lane is not None)
            ahead_s += own_s + min(level.arrivals.work_s - own_s, others * (own_s + seconds))
        return ahead_s

    def waiting_at(self, priority: int) -> int:
        """How many tasks of this priority wait."""
        lane = self._levels[priority].arrivals
        return len(lane.tasks) - lane.tombstones

    def push_returned(self, task: Task) -> None:
        """Adds a task that was admitted and assigned before; it goes first and does not count against the limit."""
        self._returned.append(task)
        self._returned_s += _cost_s(task)
        if task.deadline != inf:
            self._note_deadline(task)
        self._next = None

    def peek(self, now: float) -> Task | None:
        """The next task, or None when nothing waits."""
        if self._returned:
            return self._returned[0]
        if not self.length:
            return None
        if self._next is None or self._next_at != now:
            self._next, self._next_at = self._choose(now), now
        return self._next[2]

    def pop(self, now: float) -> Task:
        """Takes the next task out, to be assigned; the caller counts the attempt."""
        if self._returned:
            task = self._returned.popleft()
            self._forget_returned(task)
            task.state = TaskState.ASSIGNED
            return task
        if self._next is None or self._next_at != now:
            self._next = self._choose(now)
        priority, account, task = self._next
        self._next = None
        task.state = TaskState.ASSIGNED
        level = self._levels[priority]
        level.clients[account].tasks.popleft()
        if level.arrivals.tasks[0] is task:
            level.arrivals.tasks.popleft()
        else:
            level.arrivals.leave_tombstone()
        self._level_s[priority] = self._used_s[account]
        task.charged_s = _cost_s(task)
        urgent = self._busy_levels[0]
        task.by_age = priority != urgent
        self._ageing.charge(priority, urgent, task.charged_s)
        self._book(account, priority, task.charged_s)
        self._forget(task, level, account)
        return task

    def remove(self, task: Task) -> None:
        """Takes a task out from wherever it waits; the caller has already given it another state."""
        assert task.state != TaskState.QUEUED
        self._next = None
        if task in self._returned:
            self._returned.remove(task)
            self._forget_returned(task)
            return
        level = self._levels[task.priority]
        assert task.client is not None
        account = _account(task.client, task.priority)
        level.arrivals.leave_tombstone()
        level.clients[account].leave_tombstone()
        self._forget(task, level, account)

    def expire(self, now: float) -> list[Task]:
        """The waiting tasks whose deadline has passed; the caller settles and removes them."""
        due: dict[int, Task] = {}
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            task = heappop(deadlines)[2]
            if task.state == TaskState.QUEUED:
                due[task.id] = task  # one that came back is noted twice
        return list(due.values())

    def next_deadline(self) -> float:
        """The earliest moment at which ``expire`` may have something to say; infinity for never."""
        return self._deadlines[0][0] if self._deadlines else inf

    def charge(self, client: int, priority: int, seconds: float) -> None:
        """Books what a task of this priority took beside what was booked when it left; less than nothing gives back."""
        account = _account(client, priority)
        if account in self._used_s:
            self._book(account, priority, seconds)

    def forget_client(self, client: int) -> None:
        """Drops the accounts of a client that is gone and has no tasks here."""
        for priority in range(LEVELS):
            self._used_s.pop(_account(client, priority), None)

    def waiting(self) -> list[Task]:
        """Every waiting task. For checks and for shutdown, not for the hot path."""
        queued = [task for level in self._levels for task in level.arrivals.tasks if _waits(task)]
        return [*self._returned, *queued]

    def oldest(self, now: float) -> float:
        """How long the longest-waiting task has waited, in seconds."""
        heads = [self._levels[p].arrivals.head() for p in self._busy_levels]
        return max((now - head.queued_at for head in heads if head), default=0.0)

    def _choose(self, now: float) -> tuple[int, int, Task]:
        busy = self._busy_levels
        priority = busy[0]
        if len(busy) > 1:
            priority = self._ageing.turn(busy, [self._levels[p].oldest_since() for p in busy], now)
        level = self._levels[priority]
        if len(level.clients) == 1:
            ((client, lane),) = level.clients.items()
            task = lane.head()
            assert task is not None
            return priority, client, task
        turns = level.turns
        while True:
            listed_s, client = turns[0]
            if client not in level.clients:
                heappop(turns)
            elif listed_s < self._used_s[client]:
                heapreplace(turns, (self._used_s[client], client))
            else:
                break
        task = level.clients[client].head()
        assert task is not None
        return priority, client, task

    def _book(self, account: int, priority: int, seconds: float) -> None:
        self._next = None
        self._used_s[account] = used_s = self._used_s[account] + seconds
        if seconds < 0.0:
            # A client alone on its level takes every turn, so its entry matters only once there is another.
            level = self._levels[priority]
            if account in level.clients and len(level.clients) > 1:
                level.list_turn(used_s, account)

    def _forget(self, task: Task, level: _Level, account: int) -> None:
        self.length -= 1
        self.size_bytes -= task.size_bytes
        lane = level.clients[account]
        work_s = _cost_s(task)
        level.arrivals.work_s -= work_s
        lane.work_s -= work_s
        if lane.head() is None:
            del level.clients[account]
            if not level.clients:
                self._levels[task.priority] = _Level()
                self._busy_levels = [p for p in self._busy_levels if p != task.priority]

    def _forget_returned(self, task: Task) -> None:
        self._returned_s = self._returned_s - _cost_s(task) if self._returned else 0.0

    def _note_deadline(self, task: Task) -> None:
        heappush(self._deadlines, (task.deadline, task.id, task))
        if len(self._deadlines) > 2 * len(self) + 64:
            self._deadlines = [entry for entry in self._deadlines if entry[2].state == TaskState.QUEUED]
            heapify(self._deadlines)
