"""Who looks on: each checker knows one promise, and only what it has seen from outside.

The world tells a checker of an event by calling the method of that name, if it has one. What the states know of
themselves is checked by their own `check()`; these count again, from messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Refusal,
    Register,
    Status,
    Submit,
    Welcome,
    payload_bytes,
)
from argon.scheduling.effects import Close, Give, Recall, Send, Spawn
from argon.scheduling.member import AHEAD_MAX_PER_WORKER

if TYPE_CHECKING:
    from tests.simulation.actors import ClientActor, ClusterActor, Connection, HostActor, NodeActor
    from tests.simulation.tasks import Errand
    from tests.simulation.world import World

LATE_S = 0.1
ANSWER_GRACE_S = 1.0


class Checker:
    """One promise."""

    def __init__(self, world: World) -> None:
        self.world = world

    def end(self) -> None:
        """Everything is over and quiet."""

    def now(self) -> float:
        return self.world.agenda.now


class OneOutcome(Checker):
    """Every submit ends in exactly one outcome, in time."""

    def settled(self, client: ClientActor, errand: Errand, outcome: Outcome) -> None:
        assert errand.outcome is None, f"{errand.tag} is answered twice"
        errand.outcome = outcome
        errand.settled_at = self.now()
        if not client.was_paused:
            late_s = self.now() - errand.deadline
            grace_s = LATE_S if self.world.plan.is_peaceful() else LATE_S + ANSWER_GRACE_S
            assert late_s <= grace_s, f"{errand.tag} is answered {late_s:.2f} s after its deadline"

    def refused(self, client: ClientActor, errand: Errand) -> None:
        assert errand.outcome is None, f"{errand.tag} has an answer, and is then said to be running"

    def end(self) -> None:
        for errand in self.world.ledger.errands.values():
            assert errand.outcome is not None or errand.abandoned, f"{errand.tag} has no answer"


class Honest(Checker):
    """`may_have_run` is true; a rejected task never ran."""

    def settled(self, client: ClientActor, errand: Errand, outcome: Outcome) -> None:
        if outcome.entered == Entered.NO:
            assert not errand.entered, f"{errand.tag} is said not to have run, and it did"
        elif outcome.entered == Entered.YES:
            assert errand.entered, f"{errand.tag} is said to have run, and it did not"
        if outcome.status == Status.REJECTED:
            assert outcome.entered == Entered.NO
        if outcome.status == Status.COMPLETED:
            assert outcome.payload == f"{errand.tag}={errand.entered}".encode() or errand.options.idempotent
            assert errand.fate == "ok"

    def entered(self, errand: Errand, node: NodeActor) -> None:
        outcome = errand.outcome
        if outcome is not None:
            assert outcome.entered != Entered.NO, f"{errand.tag} was said not to have run, and now it does"


class Deserved(Checker):
    """Nobody gets an outcome for which there was no reason."""

    def settled(self, client: ClientActor, errand: Errand, outcome: Outcome) -> None:
        plan, tag = self.world.plan, errand.tag
        match outcome.status:
            case Status.FAILED:
                assert errand.fate in ("raise", "die"), f"{tag} did nothing wrong, and failed"
            case Status.CANCELLED:
                assert errand.cancelled, f"{tag} is cancelled, and nobody wanted that"
            case Status.EXPIRED:
                late_s = self.now() - errand.deadline
                assert late_s >= -LATE_S, f"{tag} expired {-late_s:.3f} s before its time"
            case Status.LOST:
                lasting = plan.has("node drain") and errand.run_s > 3.0
                assert lasting or not plan.is_peaceful(), f"{tag} is lost in a world where nothing gets lost"
            case Status.REJECTED if errand.options.retries is None and errand.options.timeout_s is None:
                assert outcome.detail == Refusal.TOO_LARGE or errand.cancelled, f"{tag} should have been tried again"


class AtMostOnce(Checker):
    """A task that is not idempotent is entered at most once."""

    def entered(self, errand: Errand, node: NodeActor) -> None:
        assert errand.entered == 1 or errand.options.idempotent, f"{errand.tag} runs for the second time"


class Heeded(Checker):
    """A client sends what it was asked to send, no more than its credits, and no more often than its options say."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.credits: dict[str, int] = {}
        self.outstanding: dict[str, dict[int, Errand]] = {}
        self.drained: set[str] = set()

    def welcomed(self, host: HostActor, welcome: Welcome) -> None:
        self.credits[host.name] = welcome.credits
        self.outstanding[host.name] = {}
        self.drained.discard(host.name)

    def heard(self, host: HostActor, said: list[Message]) -> None:
        for message in said:
            if isinstance(message, Heartbeat) and message.credits:
                self.credits[host.name] = message.credits
            if isinstance(message, Drain):
                self.drained.add(host.name)
            if isinstance(message, Outcome) and host.name in self.credits:
                errand = self.outstanding[host.name].pop(message.id)
                self.credits[host.name] = message.credits
                errand.rejected += message.status == Status.REJECTED
                ignored = message.status == Status.REJECTED and message.detail == Refusal.CLIENT_LIMIT
                assert not ignored, f"{host.name} heeds its credits and is rejected for ignoring them"

    def lost(self, host: HostActor) -> None:
        for errand in self.outstanding.pop(host.name, {}).values():
            if host.name in self.drained:
                errand.rejected += 1  # the cluster had answered all that it had read
            else:
                errand.losses += 1

    def client_sent(self, client: ClientActor, message: Submit) -> None:
        errand = client.errands[message.id]
        options = errand.options
        assert errand.outcome is None, f"{errand.tag} has an answer and is sent"
        assert (message.priority, message.idempotent, message.key) == (
            options.priority,
            options.idempotent,
            options.key,
        ), f"{errand.tag} is not sent as its caller wished"
        assert bool(message.timeout_s) == (options.timeout_s is not None), f"{errand.tag} is sent without its timeout"
        errand.sent += 1
        retries = inf if options.retries is None else options.retries
        assert errand.sent <= 1 + retries + errand.losses, f"{errand.tag} is sent too often"
        assert errand.sent <= 1 + errand.rejected + errand.losses
        assert options.idempotent or not errand.losses, f"{errand.tag} is sent again after a loss"
        mine = self.outstanding[client.name]
        mine[message.id] = errand
        assert len(mine) <= self.credits[client.name], f"{client.name} has {len(mine)} tasks out, more than its credits"


@dataclass(eq=False)
class Entry:
    """A task as the cluster must see it. ``on`` is the node that has it; ``ended`` whether that was asked to end
    it."""

    peer: int
    id: int
    message: Submit
    came_at: float
    waits_since: float
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


class Census(Checker):
    """The cluster from outside: bounds, order, work-conservation, one room for each task, one answer to each."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._begin_again()

    def _begin_again(self) -> None:
        self.entries: dict[tuple[int, int], Entry] = {}
        self.undecided: list[Entry] = []
        self.numbered: dict[int, Entry] = {}
        self.nodes: dict[int, Registered] = {}
        self.newcomers: set[int] = set()
        self.stale_expected = False

    def cluster_started(self, cluster: ClusterActor) -> None:
        self._begin_again()

    def cluster_accepted(self, connection: Connection, role: Role) -> None:
        if role is Role.NODE:
            self.newcomers.add(connection.peer)

    def cluster_heard(self, connection: Connection, said: list[Message]) -> None:
        peer = connection.peer
        for message in said:
            match message:
                case Submit() | Oversized():
                    self._submitted(peer, message)
                case Announced():
                    self._submitted(peer, message.submit)
                case Register():
                    self.newcomers.discard(peer)
                    self.nodes[peer] = Registered()
                case Capacity() if peer in self.nodes:
                    self.nodes[peer].workers = message.workers
                case Drain() if peer in self.nodes:
                    self.nodes[peer].draining = True
                case Outcome() if peer in self.nodes:
                    entry = self.nodes[peer].tasks.get(message.id)
                    if entry is not None and entry.attempt == message.attempt:
                        del self.nodes[peer].tasks[message.id]
                        self._comes_back(entry)

    def _submitted(self, peer: int, message: Submit | Oversized) -> None:
        known = self.entries.get((peer, message.id))
        submit = message if isinstance(message, Submit) else Submit(message.id, 0, False, 0.0, 0, 0, b"")
        if known is None:
            known = self.entries[peer, message.id] = Entry(peer, message.id, submit, self.now(), self.now())
        else:
            assert not known.message.payload, "a task id is submitted while it is in use"
            known.message = submit
            known.came_at = self.now()
        if submit.payload:
            self.undecided.append(known)

    def cluster_lost(self, connection: Connection) -> None:
        self._peer_gone(connection.peer)

    def _peer_gone(self, peer: int) -> None:
        self.newcomers.discard(peer)
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
        self._number(effects)
        for effect in effects:
            match effect:
                case Send(peer=peer, message=Outcome() as outcome):
                    self._answered(peer, outcome)
                case Send(peer=peer, message=Assign() as assign):
                    self._assigned(peer, assign)
                case Send(peer=peer, message=Cancel() as cancel):
                    assert cancel.id in self.nodes[peer].tasks, "a node is asked to cancel what it does not have"
                    self.nodes[peer].tasks[cancel.id].ended = True
                case Close(peer=peer):
                    self._peer_gone(peer)
        self._count()

    def _number(self, effects: list[object]) -> None:
        """Tasks are known to nodes by the order in which they were admitted."""
        answers = [(e.peer, e.message) for e in effects if isinstance(e, Send) and isinstance(e.message, Outcome)]
        rejected = {(peer, outcome.id) for peer, outcome in answers if outcome.status == Status.REJECTED}
        for entry in self.undecided:
            if (entry.peer, entry.id) not in rejected:
                self.numbered[len(self.numbered) + 1] = entry
        self.undecided.clear()

    def _answered(self, peer: int, outcome: Outcome) -> None:
        entry = self.entries.pop((peer, outcome.id), None)
        assert entry is not None, f"task {outcome.id} of peer {peer} is answered, and it is not there"
        entry.gone = True
        assert outcome.credits >= 1
        if outcome.status == Status.REJECTED:
            assert not entry.attempt, "a task is rejected after it was admitted"
        else:
            assert entry.on is None or self.world.cluster.draining, "a task is answered while a node has it"
        if outcome.status == Status.COMPLETED:
            assert self.world.ledger.of(entry.message.payload).tag.encode() in bytes(outcome.payload[:40])

    def _assigned(self, peer: int, assign: Assign) -> None:
        errand = self.world.ledger.of(assign.payload)
        entry = self.numbered[assign.id]
        assert not entry.gone, f"{errand.tag} is assigned and is not in the cluster"
        assert entry.on is None, f"{errand.tag} is assigned while a node has it"
        assert assign.payload == entry.message.payload
        assert assign.attempt == entry.attempt + 1, f"{errand.tag}: attempts are not counted"
        if not entry.attempt:
            ahead = next(
                e
                for e in self.entries.values()
                if e.peer == entry.peer and e.message.priority == entry.message.priority and self._waits(e)
            )
            assert ahead is entry, f"{errand.tag} overtakes an earlier task of the same client and priority"
        entry.attempt += 1
        assert assign.priority == entry.message.priority == errand.options.priority
        if entry.message.timeout_s:
            left_s = entry.came_at + entry.message.timeout_s - self.now()
            assert 0.0 < assign.timeout_s <= max(left_s, 0.0) + 1e-3, f"{errand.tag} is assigned after its deadline"
        else:
            assert assign.timeout_s == 0.0
        node = self.nodes[peer]
        assert not node.draining, f"{errand.tag} is assigned to a node that drains"
        assert len(node.tasks) < max(1, node.workers) * AHEAD_MAX_PER_WORKER
        entry.on = peer
        node.tasks[assign.id] = entry

    def _waits(self, entry: Entry) -> bool:
        return not entry.attempt and bool(entry.message.payload)

    def _count(self) -> None:
        cluster, now = self.world.cluster, self.now()
        waiting = [entry for entry in self.entries.values() if entry.on is None and entry.message.payload]
        fresh = [entry for entry in waiting if not entry.attempt]
        assert len(fresh) <= cluster.settings.queue_limit, "the queue is over its limit"
        size_bytes = sum(payload_bytes(entry.message.payload) for entry in fresh)
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
        snapshot = cluster.state.snapshot(now)
        counters = snapshot.counters
        ends = counters.completed + counters.failed + counters.cancelled + counters.expired + counters.lost
        assert counters.accepted == ends + snapshot.queue_length + snapshot.in_flight, "tasks are miscounted"
        if not cluster.draining:
            assert (snapshot.queue_length, snapshot.in_flight) == (len(waiting), in_flight), "the numbers are not true"
            assert not counters.stale_answers, "an answer is taken for an old one"

    def end(self) -> None:
        assert not self.entries
        assert not any(node.tasks for node in self.nodes.values())
        snapshot = self.world.cluster.state.snapshot(self.now())
        assert snapshot.queue_length == snapshot.in_flight == 0


class Nodes(Checker):
    """A node answers what it was given and nothing else, and its workers are as many as they should be."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tasks: dict[str, dict[int, int]] = {}
        self.orphaned: dict[str, set[int]] = {}

    def welcomed(self, host: HostActor, welcome: Welcome) -> None:
        self.tasks[host.name] = {}

    def lost(self, host: HostActor) -> None:
        self.tasks[host.name] = {}
        workers = getattr(host, "workers", {})
        self.orphaned[host.name] = {n for n, worker in workers.items() if worker.running and not worker.killed}

    def heard(self, host: HostActor, said: list[Message]) -> None:
        for message in said:
            if isinstance(message, Assign):
                self.tasks[host.name][message.id] = message.attempt

    def node_decided(self, node: NodeActor, effects: Iterable[object]) -> None:
        recalled = set()
        for effect in effects:
            match effect:
                case Send(message=Outcome() as outcome):
                    attempt = self.tasks[node.name].pop(outcome.id, None)
                    assert attempt == outcome.attempt, f"{node.name} answers a task that it does not have"
                case Give(worker=number):
                    assert number in node.workers, f"{node.name} gives a task to a worker that is gone"
                case Recall(worker=number):
                    recalled.add(number)
                case Spawn():
                    serving = len(node.workers) + 1
                    assert serving <= 4 * self.world.plan.workers + 8, f"{node.name} starts ever more workers"
        left = self.orphaned.pop(node.name, set()) - recalled
        assert not left, f"{node.name} lets tasks go on though their cluster is gone"

    def node_started(self, node: NodeActor) -> None:
        self.tasks[node.name] = {}
        self.orphaned.pop(node.name, None)

    def node_stopped(self, node: NodeActor) -> None:
        assert not self.tasks.get(node.name), f"{node.name} leaves and owes answers"

    def end(self) -> None:
        for node in self.world.nodes:
            assert not self.tasks[node.name], f"{node.name} owes answers"
            spare = 1 if self.world.plan.max_requests is not None else 0
            assert len(node.workers) == self.world.plan.workers + spare, f"{node.name} has a worker too many or too few"
            for worker in node.workers.values():
                assert not worker.inbox
                assert not worker.outbox
                assert worker.running is None, f"a worker of {node.name} runs a task that nobody waits for"


CHECKERS: list[type[Checker]] = [OneOutcome, Honest, Deserved, AtMostOnce, Heeded, Census, Nodes]
