"""What the cluster must hold, counted again from its messages: the checker that knows most.

In: what the cluster hears and decides. Out: AssertionError where a bound, an order, or a count is not as promised.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from argon.errors import RejectReason
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    ExplainRequest,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Register,
    Reject,
    Status,
    StatusRequest,
    Submit,
    payload_bytes,
)
from argon.scheduling.ageing import AGED_SHARE
from argon.scheduling.cluster.node_session import PREFETCH_MAX_PER_WORKER
from argon.scheduling.cluster.reporting.snapshot import cluster_snapshot
from argon.scheduling.effects import Close, Send
from tests.simulation.checkers import LATE_S, Checker

if TYPE_CHECKING:
    from tests.simulation.cluster_actor import ClusterActor
    from tests.simulation.connection import Connection
    from tests.simulation.scenario import Scenario


@dataclass(eq=False)
class Entry:
    """A task as the cluster must see it.

    ``whole`` is whether its payload has come, ``on`` the node that has it, ``ended`` whether that was asked to end it.
    """

    peer: int
    id: int
    message: Submit
    size_bytes: int
    came_at: float
    waits_since: float
    whole: bool = False
    attempt: int = 0
    on: int | None = None
    gone: bool = False
    ended: bool = False


@dataclass
class Registered:
    """A node as the cluster must see it."""

    workers: int = 0
    draining: bool = False
    tasks: dict[int, Entry] = field(default_factory=dict)


class ClusterChecker(Checker):
    """The cluster from outside: bounds, order, work-conservation, one room for each task, one answer to each."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._begin_again()

    def _begin_again(self) -> None:
        self.entries: dict[tuple[int, int], Entry] = {}
        self.asked: list[tuple[int, Message]] = []
        self.numbered: dict[int, Entry] = {}
        self.nodes: dict[int, Registered] = {}
        self.clients: set[int] = set()
        self.stalled: int | None = None
        self.urgent_s = 0.0
        self.due_s: dict[int, float] = {}

    def now(self) -> float:
        """By the clock of the cluster."""
        return self.scenario.cluster.now()

    def cluster_started(self, cluster: ClusterActor) -> None:
        self._begin_again()

    def cluster_accepted(self, connection: Connection, role: Role) -> None:
        if role is Role.CLIENT:
            self.clients.add(connection.peer)

    def cluster_heard(self, connection: Connection, said: list[Message]) -> None:
        peer = connection.peer
        if peer in self.clients:
            self.asked = [(peer, message) for message in said]
            return
        for message in said:
            match message:
                case Register():
                    self.nodes[peer] = Registered()
                case Capacity() if peer in self.nodes:
                    self.nodes[peer].workers = message.workers
                case Drain() if peer in self.nodes:
                    self.nodes[peer].draining = True
                case Goodbye(reason="drained") if peer in self.nodes and connection.left_in_time:
                    assert not self.nodes[peer].tasks, (
                        f"{connection.host.name} leaves while tasks are on their way to it"
                    )
                case Outcome() if peer in self.nodes:
                    entry = self.nodes[peer].tasks.get(message.id)
                    if entry is not None and entry.attempt == message.attempt:
                        del self.nodes[peer].tasks[message.id]
                        self._comes_back(entry)

    def cluster_finds_standing(self, connection: Connection) -> None:
        self.stalled = connection.peer

    def cluster_lost(self, connection: Connection) -> None:
        self._peer_gone(connection.peer)

    def _peer_gone(self, peer: int) -> None:
        self.clients.discard(peer)
        for entry in [entry for entry in self.entries.values() if entry.peer == peer]:
            entry.gone = True
            del self.entries[peer, entry.id]
        node = self.nodes.pop(peer, None)
        if node is not None:
            for entry in node.tasks.values():
                self._comes_back(entry)

    def _comes_back(self, entry: Entry) -> None:
        entry.on = None
        entry.waits_since = self.now()

    def cluster_decided(self, effects: list[object]) -> None:
        self._admit(effects)
        for effect in effects:
            match effect:
                case Send(peer=peer, message=Outcome() as outcome):
                    self._answered(peer, outcome)
                case Send(peer=peer, message=Assign() as assign):
                    self._assigned(peer, assign)
                case Send(peer=peer, message=Cancel() as cancel):
                    assert cancel.id in self.nodes[peer].tasks, "a node is asked to cancel what it does not have"
                    self.nodes[peer].tasks[cancel.id].ended = True
                case Close(peer=peer, reason=reason):
                    owed = [e for e in self.entries.values() if e.peer == peer and e.whole]
                    assert not owed or reason != "the cluster is shutting down", "the cluster stops and owes answers"
                    self._peer_gone(peer)
        self._count()

    def _admit(self, effects: list[object]) -> None:
        """What was asked just now is admitted, in that order, unless it is rejected; nodes know tasks by this order.

        Nothing more is heard from a client that says what it must not: it is sent away.
        """
        rejected = deque(e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Reject))
        asked, self.asked = self.asked, []
        stalled, self.stalled = self.stalled, None
        if stalled is not None and rejected:
            entry = self.entries.pop((stalled, rejected.popleft().id))
            assert not entry.whole, f"{entry.message} has come, and is rejected as one that has not"
        for peer, message in asked:
            match message:
                case Submit() | Announced() | Oversized():
                    submit = message.submit if isinstance(message, Announced) else message
                    size_bytes = payload_bytes(message.payload) if isinstance(message, Submit) else message.size_bytes
                    if rejected and rejected[0].id == submit.id:
                        self._refused(submit, rejected.popleft(), size_bytes)
                        continue
                    assert isinstance(submit, Submit), "a task that is too large is not rejected"
                    assert size_bytes <= self.scenario.cluster.settings.max_payload_bytes, (
                        "a task that is too large waits"
                    )
                    if self._enter(peer, submit, size_bytes, whole=message is submit):
                        continue
                case Cancel() | StatusRequest() | ExplainRequest() | Heartbeat():
                    continue
            closed = any(isinstance(effect, Close) and effect.peer == peer for effect in effects)
            assert closed, f"peer {peer} may go on after {message}"
            break
        assert not rejected, f"{rejected} are rejected, and were not submitted just now"

    def _refused(self, submit: Submit, reject: Reject, size_bytes: int) -> None:
        """Nobody is rejected for a reason that is not there."""
        cluster = self.scenario.cluster
        held = [entry for entry in self.entries.values() if not entry.attempt]
        held_bytes = sum(entry.size_bytes for entry in held)
        match reject.reason:
            case RejectReason.QUEUE_FULL:
                stands = cluster.settings.queue_target_s != inf and any(
                    entry.message.priority == submit.priority for entry in held
                )
                full = len(held) >= cluster.settings.queue_limit
                assert stands or full, f"only {len(held)} tasks wait, and the queue is full"
            case RejectReason.QUEUE_BYTES:
                room = cluster.settings.queue_bytes - held_bytes
                assert size_bytes > room, f"there is room for {room} bytes, and {size_bytes} are too many"
            case RejectReason.NO_NODES:
                assert all(node.draining for node in self.nodes.values()), (
                    "there are nodes, and it is said there are none"
                )
            case RejectReason.DRAINING:
                assert cluster.draining
            case RejectReason.TOO_LARGE:
                assert size_bytes > min(cluster.settings.max_payload_bytes, cluster.settings.queue_bytes)

    def _enter(self, peer: int, submit: Submit, size_bytes: int, whole: bool) -> bool:
        """Notes a task, or, if it is not ``whole``, that its payload is on the way; returns whether its id was free."""
        known = self.entries.get((peer, submit.id))
        if known is not None and known.whole:
            return False
        now = self.now()
        entry = known or Entry(peer, submit.id, submit, size_bytes, now, now)
        entry.message, entry.came_at, entry.whole = submit, now, whole
        self.entries[peer, submit.id] = entry
        if whole:
            self.numbered[len(self.numbered) + 1] = entry
        return True

    def _answered(self, peer: int, outcome: Outcome) -> None:
        entry = self.entries.pop((peer, outcome.id), None)
        assert entry is not None, f"task {outcome.id} of peer {peer} is answered, and it is not there"
        entry.gone = True
        assert outcome.credits >= 1
        assert entry.on is None or self.scenario.cluster.draining, "a task is answered while a node has it"
        if outcome.status == Status.COMPLETED:
            assert self.scenario.task_table.of(entry.message.payload).tag.encode() in bytes(outcome.payload[:40])

    def _assigned(self, peer: int, assign: Assign) -> None:
        task = self.scenario.task_table.of(assign.payload)
        entry = self.numbered.get(assign.id)
        assert entry is not None, f"{task.tag} is assigned by a number that was not given yet"
        assert not entry.gone, f"{task.tag} is assigned and is not in the cluster"
        assert entry.on is None, f"{task.tag} is assigned while a node has it"
        assert assign.payload == entry.message.payload
        assert assign.attempt == entry.attempt + 1, f"{task.tag}: attempts are not counted"
        if not entry.attempt:
            session = self.scenario.cluster.state.membership.get(peer)
            known = None if session is None else session.tasks.get(assign.id)
            self._in_turn(entry, task.tag, 0.0 if known is None else known.charged_s)
        entry.attempt += 1
        assert assign.priority == entry.message.priority
        assert task.stray or assign.priority == task.options.priority
        if entry.message.timeout_s:
            left_s = entry.came_at + entry.message.timeout_s - self.now()
            assert 0.0 < assign.timeout_s <= max(left_s, 0.0) + 1e-3, f"{task.tag} is assigned after its deadline"
        else:
            assert assign.timeout_s == 0.0
        node = self.nodes[peer]
        assert not node.draining, f"{task.tag} is assigned to a node that drains"
        assert len(node.tasks) < max(1, node.workers) * PREFETCH_MAX_PER_WORKER
        entry.on = peer
        node.tasks[assign.id] = entry

    def _in_turn(self, entry: Entry, tag: str, work_s: float) -> None:
        """Returned tasks go first, then the level whose turn it is, and a client's tasks as they came.

        What a task was predicted to take, ``work_s``, is taken from the cluster; it is 0 for one that found room at
        once.
        """
        now, step_s = self.now(), self.scenario.cluster.settings.age_step_s
        waiting = [other for other in self.entries.values() if other.whole and other.on is None]
        assert not any(other.attempt for other in waiting), f"{tag} overtakes a task that was assigned before"
        level = entry.message.priority
        own = next(other for other in waiting if (other.peer, other.message.priority) == (entry.peer, level))
        assert own is entry, f"{tag} overtakes an earlier task of the same client and priority"
        if not work_s:
            assert all(other.came_at == now for other in waiting), f"{tag} overtakes what waits"
            return
        oldest: dict[int, float] = {}
        for other in waiting:
            since = other.came_at - other.message.waited_s
            oldest[other.message.priority] = min(since, oldest.get(other.message.priority, inf))
        urgent = min(oldest)
        aged = [at for at, since in oldest.items() if at != urgent and at - (now - since) // step_s <= urgent]
        due_s = {at: due for at in aged if (due := self.due_s.get(at, 0.0)) <= self.urgent_s}
        if level == urgent:
            assert not due_s, f"{tag} overtakes what has aged"
            self.urgent_s += work_s
            return
        assert level in aged, f"{tag} overtakes what is more urgent"
        assert level in due_s, f"{tag} has aged, and had more than its share"
        assert due_s[level] == min(due_s.values()), f"{tag} overtakes what has aged and was longer without a turn"
        self.due_s[level] = self.urgent_s + (AGED_SHARE - 1) * len(aged) * work_s

    def _count(self) -> None:
        cluster, now = self.scenario.cluster, self.now()
        waiting = [entry for entry in self.entries.values() if entry.on is None and entry.whole]
        fresh = [entry for entry in waiting if not entry.attempt]
        assert len(fresh) <= cluster.settings.queue_limit, "the queue is over its limit"
        size_bytes = sum(entry.size_bytes for entry in fresh)
        assert size_bytes <= cluster.settings.queue_bytes, "the queue is over its bytes"
        in_flight = sum(len(node.tasks) for node in self.nodes.values())
        for node in self.nodes.values():
            assert not waiting or node.draining or node.workers <= len(node.tasks), "a worker idles while a task waits"
            for entry in node.tasks.values():
                assert entry.ended or not entry.gone, "a task goes on though its client is gone"
        if not cluster.was_paused:
            for entry in waiting:
                due = max(entry.waits_since, entry.came_at + (entry.message.timeout_s or inf))
                assert now <= due + LATE_S, f"{entry.message} waits on, {now - due} s after its deadline"
        snapshot = cluster_snapshot(cluster.state, now)
        counters = snapshot.counters
        ends = counters.completed + counters.failed + counters.cancelled + counters.expired + counters.lost
        assert counters.accepted == ends + snapshot.queue_length + snapshot.in_flight, "tasks are miscounted"
        if not cluster.draining:
            assert (snapshot.queue_length, snapshot.in_flight) == (len(waiting), in_flight), "the numbers are not true"
            assert not counters.stale_answers, "an answer is taken for an old one"

    def end(self) -> None:
        assert not self.entries
        assert not any(node.tasks for node in self.nodes.values())
        snapshot = cluster_snapshot(self.scenario.cluster.state, self.now())
        assert snapshot.queue_length == snapshot.in_flight == 0
