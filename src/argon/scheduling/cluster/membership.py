"""Which nodes there are, and how many tasks they can run together.

In: registrations, capacities, tasks assigned and released. Out: counters that are always right, so that nothing is
scanned per task. It must never choose between nodes.
"""

from __future__ import annotations

from argon.protocol.ids import PeerId
from argon.scheduling.cluster.node_session import NodeSession, Trust
from argon.scheduling.cluster.task import Task
from argon.settings import MAX_NAME_CHARS, is_node_name


class Membership:
    """The registered nodes, by peer and by name, with sums: the tasks they have (``in_flight``), and the capacity
    (``workers``) and number (``open``) of those that are not draining. ``trusted`` is the capacity of those not on
    probation."""

    def __init__(self) -> None:
        self._nodes: dict[PeerId, NodeSession] = {}
        self._by_name: dict[str, NodeSession] = {}
        self._counted: dict[PeerId, tuple[int, int]] = {}
        self.workers = 0
        self.trusted = 0
        self.open = 0
        self.in_flight = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, peer: PeerId) -> NodeSession | None:
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
        self.open += 1
        self.recount(node)

    def remove(self, node: NodeSession) -> None:
        """Unregisters a node."""
        del self._nodes[node.peer]
        del self._by_name[node.name]
        self.in_flight -= len(node.tasks)
        self.open -= not node.draining
        self._count(node, 0, 0)
        del self._counted[node.peer]

    def assign(self, node: NodeSession, task: Task, predicted_s: float | None) -> None:
        """Books a task on a node."""
        node.assign(task, predicted_s)
        self.in_flight += 1

    def release(self, node: NodeSession, task: Task, given_back: bool = False) -> None:
        """Takes a task off a node, which has ended it or given it back."""
        node.release(task)
        node.held_up = given_back
        self.in_flight -= 1

    def set_workers(self, node: NodeSession, workers: int) -> None:
        """Records how many workers of a node are ready."""
        node.workers = workers
        self.recount(node)

    def drain(self, node: NodeSession) -> None:
        """Records that a node is assigned nothing any more."""
        if not node.draining:
            node.draining = True
            self.open -= 1
            self.recount(node)

    def recount(self, node: NodeSession) -> None:
        """Counts the capacity of a node anew, whose trust may have changed."""
        capacity = node.capacity()
        self._count(node, capacity, capacity if node.trust == Trust.FULL else 0)

    def _count(self, node: NodeSession, capacity: int, trusted: int) -> None:
        old_capacity, old_trusted = self._counted.get(node.peer, (0, 0))
        self.workers += capacity - old_capacity
        self.trusted += trusted - old_trusted
        self._counted[node.peer] = (capacity, trusted)
