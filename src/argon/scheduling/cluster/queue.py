"""The bounded queue: which admitted task is next.

In: tasks. Out: the next task, by priority with ageing, then fairly between clients, then first in, first out. It must
never look at a clock (``now`` is given), never scan, and never decide whether a task may enter: that is admission's.

Order: the level whose turn it is (``ageing.py``, counted in predicted worker-seconds). Inside a level the client that
has used the fewest worker-seconds there goes first (start-time fair queueing, Goyal, Vin and Cheng 1996: a client that
was away starts level with those who stayed, it saves nothing up). Inside a client: arrival. A client has an account for
each level, since levels are served at different rates: by one account, a client that comes to a level from a busier one
would wait there until everybody else has used as much.

A task that comes back after an assignment goes to a line of its own, and before all others.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Final

from argon.protocol.ids import PeerId
from argon.scheduling.ageing import LEVELS, Ageing
from argon.scheduling.cluster.task import Task, TaskState
from argon.scheduling.deadlines import Deadlines
from argon.scheduling.task_line import TaskLine

_UNKNOWN_COST_S: Final = 0.001
_SWEEP_MIN: Final = 64


def _is_queued(task: Task) -> bool:
    return task.state == TaskState.QUEUED


def _waits_on_its_level(task: Task) -> bool:
    """Whether a task that was on a level still is: one that came back from a node is not."""
    return task.state == TaskState.QUEUED and not task.attempt


def _cost_s(task: Task) -> float:
    return task.predicted_s or _UNKNOWN_COST_S


class _Lane(TaskLine[Task]):
    """Tasks in the order in which they came, and the predicted work in them."""

    __slots__ = ("work_s",)

    def __init__(self) -> None:
        super().__init__(_waits_on_its_level)
        self.work_s = 0.0

    def add(self, task: Task) -> None:
        self.append(task)
        self.work_s += _cost_s(task)

    def take_out(self, task: Task) -> None:
        self.remove(task)
        self.work_s = max(0.0, self.work_s - _cost_s(task)) if len(self) else 0.0  # sums of fractions drift


class _Level:
    """The tasks of one priority: a lane for each client, and one of all by ``arrivals``.

    ``used_s`` are the clients' accounts; a client that comes anew starts at that of the one served last, ``served_s``.
    ``turns`` has for each client an entry no higher than its account; the entry at the top is brought up to date when
    it is looked at. ``elders`` are the tasks that came after one that has waited less, in its client and here, by the
    moment since which they wait; all others came in the order in which they have waited, up to ``latest``.
    """

    __slots__ = ("arrivals", "lanes", "used_s", "served_s", "turns", "elders", "latest")

    def __init__(self) -> None:
        self.arrivals = _Lane()
        self.lanes: dict[PeerId, _Lane] = {}
        self.used_s: dict[PeerId, float] = {}
        self.served_s = 0.0
        self.turns: list[tuple[float, PeerId]] = []
        self.elders = Deadlines(_waits_on_its_level)
        self.latest = -inf

    def push(self, client: PeerId, task: Task) -> None:
        lane = self.lanes.get(client)
        if lane is None:
            lane = self.lanes[client] = _Lane()
            self.used_s[client] = used_s = max(self.used_s.get(client, 0.0), self.served_s)
            self._list_turn(used_s, client)
            if len(self.lanes) == 2:  # a client alone here took every turn, and its entry was not kept up to date
                first = next(iter(self.lanes))
                self._list_turn(self.used_s[first], first)
        lane.add(task)
        self.arrivals.add(task)
        if task.since >= self.latest:
            self.latest = task.since
        else:
            self.elders.add(task.since, task)

    def next_client(self) -> PeerId:
        """The client that has used the least, of those with a task here."""
        if len(self.lanes) == 1:
            return next(iter(self.lanes))
        turns = self.turns
        while True:
            listed_s, client = turns[0]
            if client not in self.lanes:
                heappop(turns)
            elif listed_s < self.used_s[client]:
                heapreplace(turns, (self.used_s[client], client))
            else:
                return client

    def take_out(self, client: PeerId, task: Task) -> None:
        lane = self.lanes[client]
        lane.take_out(task)
        self.arrivals.take_out(task)
        if len(lane):
            return
        del self.lanes[client]
        if not self.lanes:  # nothing is left of it but the accounts
            self.arrivals = _Lane()
            self.turns = []
            self.latest = -inf
            if len(self.elders):
                self.elders = Deadlines(_waits_on_its_level)

    def book(self, client: PeerId, seconds: float) -> None:
        """Adds seconds to a client's account; less than nothing gives back."""
        self.used_s[client] = used_s = self.used_s[client] + seconds
        if seconds < 0.0 and len(self.lanes) > 1 and client in self.lanes:
            self._list_turn(used_s, client)

    def oldest_since(self) -> float:
        """Since when the task waits that has waited longest, in its client and here."""
        first = self.arrivals.first()
        assert first is not None
        return min(first.since, self.elders.earliest()) if len(self.elders) else first.since

    def _list_turn(self, used_s: float, client: PeerId) -> None:
        heappush(self.turns, (used_s, client))
        if len(self.turns) > 2 * len(self.lanes) + _SWEEP_MIN:
            least: dict[PeerId, float] = {}
            for listed_s, listed in self.turns:
                if listed in self.lanes:
                    least[listed] = min(listed_s, least.get(listed, inf))
            self.turns = [(listed_s, listed) for listed, listed_s in least.items()]
            heapify(self.turns)


class _Turn:
    """The task whose turn it is: its level, how many levels have aged beside the most urgent, and its client."""

    __slots__ = ("priority", "aged_levels", "client", "task")

    def __init__(self, priority: int, aged_levels: int, client: PeerId, task: Task) -> None:
        self.priority = priority
        self.aged_levels = aged_levels
        self.client = client
        self.task = task


class TaskQueue:
    """Admitted tasks that no node has yet.

    ``length`` and ``size_bytes`` are of those that came from a client and not back from a node.

    Args:
        age_step_s: after this many seconds of waiting a task counts as one priority more urgent.
    """

    def __init__(self, age_step_s: float) -> None:
        self._ageing = Ageing(age_step_s)
        self._levels = [_Level() for _ in range(LEVELS)]
        self._busy_levels: list[int] = []
        self._returned: deque[Task] = deque()
        self._returned_s = 0.0
        self._deadlines = Deadlines(_is_queued)
        self._next: _Turn | None = None
        self._next_at = 0.0
        self.length = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        """How many tasks wait, those that came back from a lost node included."""
        return self.length + len(self._returned)

    def push(self, task: Task) -> None:
        """Adds an admitted task at the end of its client's lane."""
        level = self._levels[task.priority]
        if not level.lanes:
            self._busy_levels = sorted([*self._busy_levels, task.priority])
        assert task.client is not None
        level.push(task.client, task)
        self.length += 1
        self.size_bytes += task.size_bytes
        self._note_deadline(task)
        self._next = None

    def ahead_s(self, priority: int, client: PeerId, seconds: float) -> float:
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
            lane = level.lanes.get(client)
            own_s = lane.work_s if lane is not None else 0.0
            others = len(level.lanes) - (lane is not None)
            ahead_s += own_s + min(level.arrivals.work_s - own_s, others * (own_s + seconds))
        return ahead_s

    def waiting_at(self, priority: int) -> int:
        """How many tasks of this priority wait."""
        return len(self._levels[priority].arrivals)

    def push_returned(self, task: Task) -> None:
        """Adds a task that was admitted and assigned before; it goes first and does not count against the limit."""
        self._returned.append(task)
        self._returned_s += _cost_s(task)
        self._note_deadline(task)
        self._next = None

    def peek(self, now: float) -> Task | None:
        """The next task, or None when nothing waits."""
        if self._returned:
            return self._returned[0]
        return self._turn(now).task if self.length else None

    def pop(self, now: float) -> Task:
        """Takes the next task out, to be assigned; the caller gives it another state, and counts the attempt."""
        if self._returned:
            task = self._returned.popleft()
            self._forget_returned(task)
            return task
        turn = self._turn(now)
        task, level, urgent = turn.task, self._levels[turn.priority], self._busy_levels[0]
        level.served_s = level.used_s[turn.client]
        task.charged_s = _cost_s(task)
        task.history.by_age = turn.priority != urgent
        self._ageing.charge(turn.priority, urgent, work=task.charged_s, aged_levels=turn.aged_levels)
        level.book(turn.client, task.charged_s)
        self._take_out(turn.client, task)
        return task

    def remove(self, task: Task) -> None:
        """Takes a task out from wherever it waits; the caller has already given it another state."""
        assert task.state != TaskState.QUEUED
        if task in self._returned:
            self._returned.remove(task)
            self._forget_returned(task)
            return
        assert task.client is not None
        self._take_out(task.client, task)

    def expire(self, now: float) -> list[Task]:
        """The waiting tasks whose deadline has passed; the caller settles and removes them."""
        return list(dict.fromkeys(self._deadlines.due(now)))  # one that came back is noted twice

    def next_deadline(self) -> float:
        """The earliest moment at which a task may have to be expired; infinity for never."""
        return self._deadlines.next_moment()

    def charge(self, client: PeerId, priority: int, seconds: float) -> None:
        """Books what a task of this priority took beside what was booked when it left; less than nothing gives back."""
        level = self._levels[priority]
        if client in level.used_s:
            self._next = None
            level.book(client, seconds)

    def forget_client(self, client: PeerId) -> None:
        """Drops the accounts of a client that is gone and has no tasks here."""
        for level in self._levels:
            level.used_s.pop(client, None)

    def waiting(self) -> list[Task]:
        """Every waiting task. For checks and for shutdown, not for the hot path."""
        return [*self._returned, *(task for level in self._levels for task in level.arrivals.waiting())]

    def oldest(self, now: float) -> float:
        """How long the longest-waiting task has waited, in seconds."""
        firsts = [self._levels[priority].arrivals.first() for priority in self._busy_levels]
        return max((now - first.queued_at for first in firsts if first), default=0.0)

    def _turn(self, now: float) -> _Turn:
        """The next task of those on the levels, worked out once a moment."""
        turn = self._next
        if turn is None or self._next_at != now:
            turn = self._next = self._choose(now)
            self._next_at = now
        return turn

    def _choose(self, now: float) -> _Turn:
        busy = self._busy_levels
        priority, aged_levels = busy[0], 0
        if len(busy) > 1:
            since = [self._levels[level].oldest_since() for level in busy]
            priority, aged_levels = self._ageing.turn(busy, since, now)
        level = self._levels[priority]
        client = level.next_client()
        task = level.lanes[client].first()
        assert task is not None
        return _Turn(priority, aged_levels, client, task)

    def _take_out(self, client: PeerId, task: Task) -> None:
        self._next = None
        self.length -= 1
        self.size_bytes -= task.size_bytes
        level = self._levels[task.priority]
        level.take_out(client, task)
        if not level.lanes:
            self._busy_levels = [busy for busy in self._busy_levels if busy != task.priority]

    def _forget_returned(self, task: Task) -> None:
        self._next = None
        self._returned_s = self._returned_s - _cost_s(task) if self._returned else 0.0

    def _note_deadline(self, task: Task) -> None:
        if task.deadline != inf:
            self._deadlines.add(task.deadline, task)
