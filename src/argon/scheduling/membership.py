"""Which nodes there are, and which of them have room.

In: registrations, capacities, tasks given and taken back. Out: counters that are always right, so that nothing is
scanned per task. It must never choose between nodes.
"""

from __future__ import annotations

from argon.scheduling.member import Member
from argon.scheduling.task import Task


class Membership:
    """The registered nodes, by peer and by name, with sums: ``workers`` and ``open`` of those that are not draining."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._by_name: dict[str, Member] = {}
        self.workers = 0
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

    def add(self, member: Member) -> None:
        """Registers a node; its name must be free."""
        assert member.name not in self._by_name
        self._members[member.peer] = member
        self._by_name[member.name] = member
        self.workers += member.workers
        self.open += 1

    def remove(self, member: Member) -> None:
        """Unregisters a node."""
        del self._members[member.peer]
        del self._by_name[member.name]
        self.in_flight -= len(member.tasks)
        if not member.draining:
            self.workers -= member.workers
            self.open -= 1

    def take(self, member: Member, task: Task, predicted_s: float | None) -> None:
        """Books a task on a node."""
        member.take(task, predicted_s)
        self.in_flight += 1

    def release(self, member: Member, task: Task, given_back: bool = False) -> None:
        """Takes a task off a node, which has ended it or given it back."""
        member.release(task)
        member.held_up = given_back
        self.in_flight -= 1

    def set_workers(self, member: Member, workers: int) -> None:
        """Records how many workers of a node are ready."""
        if not member.draining:
            self.workers += workers - member.workers
        member.workers = workers

    def drain(self, member: Member) -> None:
        """Records that a node takes nothing new."""
        if not member.draining:
            member.draining = True
            self.workers -= member.workers
            self.open -= 1
