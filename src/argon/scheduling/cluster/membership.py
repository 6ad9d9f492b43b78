"""Which nodes there are, and which of them have room.

In: registrations, capacities, tasks given and taken back. Out: counters that are always right, so that nothing is
scanned per task. It must never choose between nodes.
"""

from __future__ import annotations

from collections import deque
from math import inf

from argon.scheduling.cluster.member import REST_S, Member
from argon.scheduling.cluster.task import Task
from argon.settings import MAX_NAME_CHARS, is_node_name


class Membership:
    """The registered nodes, by peer and by name, with sums: the tasks they have (``in_flight``), and the capacity
    (``workers``) and number (``open``) of those that are not draining. ``trusted`` is the capacity of those not on
    probation."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._by_name: dict[str, Member] = {}
        self._resting: deque[tuple[float, Member]] = deque()
        self.workers = 0
        self.trusted = 0
        self.open = 0
        self.in_flight = 0

    def __len__(self) -> int:
        return len(self._members)

    def get(self, peer: int) -> Member | None:
        """The node behind this peer, if it has registered."""
        return self._members.get(peer)

    def named(self, name: str) -> Member | None:
        """The node registered under this name."""
        return self._by_name.get(name)

    def all(self) -> list[Member]:
        """Every node, in order of registration."""
        return list(self._members.values())

    def objection(self, name: str, incarnation: int) -> str:
        """Why a node may not register so, empty if it may."""
        if not is_node_name(name):
            return f"a node name has 1 to {MAX_NAME_CHARS} of [A-Za-z0-9._:-]"
        old = self._by_name.get(name)
        taken = old is not None and old.incarnation != incarnation
        return f"the name {name} is in use by another live node" if taken else ""

    def add(self, member: Member) -> None:
        """Registers a node; its name must be free."""
        assert member.name not in self._by_name
        self._members[member.peer] = member
        self._by_name[member.name] = member
        self._count(member, 1)
        self.open += 1

    def remove(self, member: Member) -> None:
        """Unregisters a node."""
        del self._members[member.peer]
        del self._by_name[member.name]
        self.in_flight -= len(member.tasks)
        self._count(member, -1)
        self.open -= not member.draining

    def take(self, member: Member, task: Task, predicted_s: float | None) -> None:
        """Books a task on a node."""
        member.take(task, predicted_s)
        self.in_flight += 1

    def release(self, member: Member, task: Task, now: float, given_back: bool = False) -> None:
        """Takes a task off a node, which has ended it or given it back. One on probation rests then."""
        member.release(task)
        member.held_up = given_back
        self.in_flight -= 1
        if member.grey:
            self._rest(member, now)

    def set_workers(self, member: Member, workers: int) -> None:
        """Records how many workers of a node are ready."""
        self._count(member, -1)
        member.workers = workers
        self._count(member, 1)

    def judge(self, member: Member, now: float) -> None:
        """Puts a node that has become slow on probation, unless no other is trusted, and takes a good one off it."""
        slow = member.is_slow() and self.trusted > (0 if member.grey else member.capacity())
        if slow != member.grey:
            self._set_grey(member, slow)
            if slow:
                self._rest(member, now)

    def rested(self, now: float) -> list[Member]:
        """The nodes on probation that may be tried again; all of them, and on it no longer, when no other is left."""
        if self.workers and not self.trusted:
            grey = [member for member in self._members.values() if member.grey]
            for member in grey:
                self._set_grey(member, False)
            self._resting.clear()
            return grey
        found = []
        while self._resting and self._resting[0][0] <= now:
            until, member = self._resting.popleft()
            if member.rests_until == until and self._members.get(member.peer) is member:
                member.rests_until = 0.0
                found.append(member)
        return found

    def next_deadline(self) -> float:
        """When ``rested`` may have something to say though nothing else happens; infinity for never."""
        return self._resting[0][0] if self._resting else inf

    def drain(self, member: Member) -> None:
        """Records that a node takes nothing new."""
        if not member.draining:
            self._count(member, -1)
            self.open -= 1
            member.draining = True

    def _count(self, member: Member, sign: int) -> None:
        capacity = sign * member.capacity()
        self.workers += capacity
        if not member.grey:
            self.trusted += capacity

    def _rest(self, member: Member, now: float) -> None:
        if not member.rests_until:
            member.rests_until = now + REST_S
            self._resting.append((member.rests_until, member))

    def _set_grey(self, member: Member, grey: bool) -> None:
        self._count(member, -1)
        member.grey = grey
        member.rests_until = 0.0
        self._count(member, 1)
