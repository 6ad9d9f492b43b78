"""Which nodes there are, and which of them have room.

In: registrations, capacities, tasks given and taken back. Out: counters that are always right, so that nothing is
scanned per task. It must never choose between nodes.
"""

from __future__ import annotations

from collections import deque
from math import inf

from argon.scheduling.cluster.node_session import COOL_DOWN_S, NodeSession, is_node_name
from argon.scheduling.cluster.task import Task
from argon.settings import MAX_NAME_CHARS


class Membership:
    """The registered nodes, by peer and by name, with sums: the tasks they have (``in_flight``), and the capacity
    (``workers``) and number (``open``) of those that are not draining. ``trusted`` is the capacity of those not on
    probation."""

    def __init__(self) -> None:
        self._nodes: dict[int, NodeSession] = {}
        self._by_name: dict[str, NodeSession] = {}
        self._cooling: deque[tuple[float, NodeSession]] = deque()
        self.workers = 0
        self.trusted = 0
        self.open = 0
        self.in_flight = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, peer: int) -> NodeSession | None:
        """The node behind this peer, if it has registered."""
        return self._nodes.get(peer)

    def named(self, name: str) -> NodeSession | None:
        """The node registered under this name."""
        return self._by_name.get(name)

    def all(self) -> list[NodeSession]:
        """Every node, in order of registration."""
        return list(self._nodes.values())

    def objection(self, name: str, incarnation: int) -> str:
        """Why a node may not register so, empty if it may."""
        if not is_node_name(name):
            return f"a node name has 1 to {MAX_NAME_CHARS} of [A-Za-z0-9._:-]"
        old = self._by_name.get(name)
        taken = old is not None and old.incarnation != incarnation
        return f"the name {name} is in use by another live node" if taken else ""

    def add(self, node: NodeSession) -> None:
        """Registers a node; its name must be free."""
        assert node.name not in self._by_name
        self._nodes[node.peer] = node
        self._by_name[node.name] = node
        self._count(node, 1)
        self.open += 1

    def remove(self, node: NodeSession) -> None:
        """Unregisters a node."""
        del self._nodes[node.peer]
        del self._by_name[node.name]
        self.in_flight -= len(node.tasks)
        self._count(node, -1)
        self.open -= not node.draining

    def assign(self, node: NodeSession, task: Task, predicted_s: float | None) -> None:
        """Books a task on a node."""
        node.assign(task, predicted_s)
        self.in_flight += 1

    def release(self, node: NodeSession, task: Task, now: float, given_back: bool = False) -> None:
        """Takes a task off a node, which has ended it or given it back. One on probation cools down then."""
        node.release(task)
        node.held_up = given_back
        self.in_flight -= 1
        if node.on_probation:
            self._cool_down(node, now)

    def set_workers(self, node: NodeSession, workers: int) -> None:
        """Records how many workers of a node are ready."""
        self._count(node, -1)
        node.workers = workers
        self._count(node, 1)

    def evaluate(self, node: NodeSession, now: float) -> None:
        """Puts a node that has become slow on probation, unless no other is trusted, and takes a good one off it."""
        slow = node.is_outlier() and self.trusted > (0 if node.on_probation else node.capacity())
        if slow != node.on_probation:
            self._set_probation(node, slow)
            if slow:
                self._cool_down(node, now)

    def cooled_down(self, now: float) -> list[NodeSession]:
        """The nodes on probation that may be tried again; all of them, and on it no longer, when no other is left."""
        if self.workers and not self.trusted:
            nodes = [node for node in self._nodes.values() if node.on_probation]
            for node in nodes:
                self._set_probation(node, False)
            self._cooling.clear()
            return nodes
        found = []
        while self._cooling and self._cooling[0][0] <= now:
            until, node = self._cooling.popleft()
            if node.cools_down_until == until and self._nodes.get(node.peer) is node:
                node.cools_down_until = 0.0
                found.append(node)
        return found

    def next_deadline(self) -> float:
        """When ``cooled_down`` may have something to say though nothing else happens; infinity for never."""
        return self._cooling[0][0] if self._cooling else inf

    def drain(self, node: NodeSession) -> None:
        """Records that a node takes nothing new."""
        if not node.draining:
            self._count(node, -1)
            self.open -= 1
            node.draining = True

    def _count(self, node: NodeSession, sign: int) -> None:
        capacity = sign * node.capacity()
        self.workers += capacity
        if not node.on_probation:
            self.trusted += capacity

    def _cool_down(self, node: NodeSession, now: float) -> None:
        if not node.cools_down_until:
            node.cools_down_until = now + COOL_DOWN_S
            self._cooling.append((node.cools_down_until, node))

    def _set_probation(self, node: NodeSession, on_probation: bool) -> None:
        self._count(node, -1)
        node.on_probation = on_probation
        node.cools_down_until = 0.0
        self._count(node, 1)
