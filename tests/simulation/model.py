"""What a cluster promises, as simply as it can be said: a table of tasks and where each is.

In: what peers say and do. Out: which answers must come of it. It knows no queue, no order and no prediction: which task
goes where it takes from the cluster, and says only whether that may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from argon.protocol.messages import Entered, Status
from argon.scheduling.cluster.cluster_state import ATTEMPTS_MAX
from argon.scheduling.cluster.node_session import PREFETCH_MAX_PER_WORKER

Key = tuple[int, int]  # a client and its own number for a task


@dataclass
class ModelTask:
    """A task that has no answer yet.

    ``node`` has it, 0 for none; ``told`` is whether that was told to end it, ``wanted`` whether its client is there.
    """

    idempotent: bool
    deadline: float
    run_s: float
    node: int = 0
    attempt: int = 0
    losses: int = 0
    cancelled: bool = False
    told: bool = False
    wanted: bool = True


@dataclass
class ModelNode:
    """A node. ``workers`` are the ready ones."""

    workers: int
    draining: bool = False


@dataclass
class Model:
    """A cluster without its state machine. Every method returns the answers that must come of it."""

    queue_limit: int
    clients: set[int] = field(default_factory=set)
    nodes: dict[int, ModelNode] = field(default_factory=dict)
    tasks: dict[Key, ModelTask] = field(default_factory=dict)
    known_s: set[float] = field(default_factory=set)
    may_have_run: set[Key] = field(default_factory=set)

    def waiting(self) -> list[Key]:
        return [key for key, task in self.tasks.items() if not task.node]

    def on(self, node: int) -> list[Key]:
        return [key for key, task in self.tasks.items() if node and task.node == node]

    def in_flight(self) -> int:
        return len(self.tasks) - len(self.waiting())

    def is_full(self) -> bool:
        return sum(not self.tasks[key].attempt for key in self.waiting()) >= self.queue_limit

    def has_idle_worker(self) -> bool:
        return any(not node.draining and node.workers > len(self.on(peer)) for peer, node in self.nodes.items())

    def room(self, peer: int, run_s: float) -> int:
        """How many tasks a node may have for one more of this length: those of unknown length wait for a worker."""
        workers = self.nodes[peer].workers
        if run_s not in self.known_s or run_s > 0.025:
            return workers
        return workers * PREFETCH_MAX_PER_WORKER

    def assigned(self, key: Key, node: int) -> None:
        task = self.tasks[key]
        assert not task.node, "a task is on two nodes"
        assert not self.nodes[node].draining, "a task goes to a node that drains"
        assert task.wanted, "a task goes to a node though nobody waits for it"
        assert len(self.on(node)) < self.room(node, task.run_s), "a node gets more than it has room for"
        task.node, task.attempt = node, task.attempt + 1

    def told_to_end(self, key: Key, node: int) -> None:
        task = self.tasks[key]
        assert task.node == node, "a node is told to end what it does not have"
        assert task.cancelled, "a node is told to end what everybody wants"
        assert not task.told, "a node is told twice"
        task.told = True

    def cancel(self, key: Key, queued_only: bool) -> dict[Key, int]:
        task = self.tasks.get(key)
        if task is None:
            return {}
        if not task.node:
            return self._end(key, Status.CANCELLED)
        task.cancelled = task.cancelled or not queued_only
        return {}

    def outcome(self, key: Key, status: int, entered: int) -> dict[Key, int]:
        task = self.tasks[key]
        if status in (Status.COMPLETED, Status.EXPIRED):  # what is killed teaches as well
            self.known_s.add(task.run_s)
        if entered != Entered.NO:
            self.may_have_run.add(key)
        if status == Status.LOST and not task.cancelled and self._comes_back(task, entered):
            return {}
        return self._end(key, Status.CANCELLED if task.cancelled and status > Status.FAILED else status)

    def node_gone(self, peer: int) -> dict[Key, int]:
        answers: dict[Key, int] = {}
        for key in self.on(peer):
            task = self.tasks[key]
            self.may_have_run.add(key)
            if task.cancelled or not self._comes_back(task, Entered.UNKNOWN):
                answers |= self._end(key, Status.CANCELLED if task.cancelled else Status.LOST)
        del self.nodes[peer]
        return answers

    def client_gone(self, peer: int) -> None:
        self.clients.remove(peer)
        for key in [key for key in self.tasks if key[0] == peer]:
            self.tasks[key].wanted = False
            self.tasks[key].cancelled = True
            if not self.tasks[key].node:
                del self.tasks[key]

    def overdue(self, now: float) -> dict[Key, int]:
        """What waits although its time is over; that may be answered at any moment, and must be when time passes."""
        return {key: Status.EXPIRED for key in self.waiting() if self.tasks[key].deadline <= now}

    def _comes_back(self, task: ModelTask, entered: int) -> bool:
        task.losses += entered != Entered.NO
        if entered != Entered.NO and not (task.idempotent and task.losses < ATTEMPTS_MAX):
            return False
        task.node = 0
        return True

    def _end(self, key: Key, status: int) -> dict[Key, int]:
        task = self.tasks.pop(key)
        return {key: status} if task.wanted else {}


def deadline(now: float, timeout_s: float) -> float:
    """The moment at which a timeout ends, 0 for none."""
    return now + timeout_s if timeout_s else inf
