"""A cluster and a small model of it go through anything that can happen, and agree after every step.

Hypothesis draws the steps and, when they disagree, finds the fewest that show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import inf
from random import Random
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from argon.errors import RejectReason
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    STATUS_NAMES,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Reject,
    Status,
    StillRunning,
    Submit,
)
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.cluster.reporting.snapshot import cluster_snapshot
from argon.scheduling.effects import Close, Send
from argon.settings import ClusterSettings
from tests.simulation.model import Key, Model, ModelNode, ModelTask, deadline

QUEUE_LIMIT = 3
RUNS_S = [1.0, 0.01, 0.0001]  # one length for each kind of task
ENDS = [
    (Status.COMPLETED, Entered.YES),
    (Status.FAILED, Entered.YES),
    (Status.LOST, Entered.NO),
    (Status.LOST, Entered.UNKNOWN),
    (Status.EXPIRED, Entered.YES),
    (Status.CANCELLED, Entered.YES),
]
T = TypeVar("T")
pick = st.integers(0, 1 << 16)


class ClusterMachine(RuleBasedStateMachine):
    """Each rule lets one thing happen, to the cluster and to the model."""

    def __init__(self) -> None:
        super().__init__()
        settings = ClusterSettings(QUEUE_LIMIT, queue_target_s=inf, age_step_s=1.0, dead_after_s=1e9)
        self.state = ClusterState(settings, Random(1))
        self.model = Model(QUEUE_LIMIT)
        self.now = 1000.0
        self.peers = 0
        self.submits: Counter[int] = Counter()
        self.numbers: dict[Key, Assign] = {}

    # ---- what happens -------------------------------------------------------------------------------------------

    @initialize(workers=st.integers(0, 2))
    def begin(self, workers: int) -> None:
        self.client_comes()
        self.client_comes()
        self.node_comes(workers)

    @precondition(lambda self: len(self.model.clients) < 3)
    @rule()
    def client_comes(self) -> None:
        self.peers += 1
        self.model.clients.add(self.peers)
        self.agree(self.state.connected(self.peers, Role.CLIENT, self.now), {})

    @precondition(lambda self: len(self.model.nodes) < 3)
    @rule(workers=st.integers(0, 3))
    def node_comes(self, workers: int) -> None:
        self.peers += 1
        self.agree(self.state.connected(self.peers, Role.NODE, self.now), {})
        self.model.nodes[self.peers] = ModelNode(workers)
        self.say(self.peers, Register(f"node-{self.peers}", self.peers), Capacity(workers))

    @precondition(lambda self: self.model.clients)
    @rule(client=pick, goodbye=st.booleans())
    def client_goes(self, client: int, goodbye: bool) -> None:
        peer = chosen(client, self.model.clients)
        self.model.client_gone(peer)
        self.agree(self.ends(peer, goodbye), {})

    @precondition(lambda self: self.model.nodes)
    @rule(node=pick, goodbye=st.booleans())
    def node_goes(self, node: int, goodbye: bool) -> None:
        peer = chosen(node, self.model.nodes)
        answers = self.model.node_gone(peer)
        self.agree(self.ends(peer, goodbye), answers)

    @precondition(lambda self: self.model.nodes)
    @rule(node=pick, workers=st.integers(0, 3))
    def workers_come_and_go(self, node: int, workers: int) -> None:
        peer = chosen(node, self.model.nodes)
        self.model.nodes[peer].workers = workers
        self.say(peer, Capacity(workers))

    @precondition(lambda self: self.model.nodes)
    @rule(node=pick)
    def node_drains(self, node: int) -> None:
        peer = chosen(node, self.model.nodes)
        self.model.nodes[peer].draining = True
        self.say(peer, Drain())

    @precondition(lambda self: self.model.clients)
    @rule(
        client=pick,
        priority=st.integers(0, 4),
        idempotent=st.booleans(),
        timeout_s=st.sampled_from([0.0, 0.0, 0.5, 5.0]),
        kind=st.integers(0, 2),
        waited_s=st.sampled_from([0.0, 0.0, 1.5, 9.0]),
        count=st.integers(1, 4),
    )
    def submit(
        self, client: int, priority: int, idempotent: bool, timeout_s: float, kind: int, waited_s: float, count: int
    ) -> None:
        peer = chosen(client, self.model.clients)
        for _ in range(count):
            self.submit_one(peer, priority, idempotent, timeout_s, kind, waited_s)

    def submit_one(
        self, peer: int, priority: int, idempotent: bool, timeout_s: float, kind: int, waited_s: float
    ) -> None:
        self.submits[peer] += 1
        key = peer, self.submits[peer]
        payload = f"{key[0]}:{key[1]}".encode()
        message = Submit(key[1], priority, idempotent, timeout_s, kind + 1, 0, payload, waited_s)
        must_enter = self.model.has_idle_worker()
        full, nobody = self.model.is_full(), all(node.draining for node in self.model.nodes.values())
        self.model.tasks[key] = ModelTask(idempotent, deadline(self.now, timeout_s), RUNS_S[kind])
        effects = self.state.received(key[0], [message], self.now)
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.message, Reject) and effect.message.id == key[1]:
                reason = effect.message.reason
                del self.model.tasks[key]
                fair = reason in (RejectReason.CLIENT_LIMIT, RejectReason.DEADLINE)
                assert not must_enter or fair, "a task is rejected while a worker idles"
                assert reason is not RejectReason.QUEUE_FULL or full
                assert reason is not RejectReason.NO_NODES or nobody
                assert reason is not RejectReason.DEADLINE or timeout_s
        self.agree(effects, {})

    @precondition(lambda self: any(task.wanted for task in self.model.tasks.values()))
    @rule(task=pick)
    def client_uses_an_id_twice(self, task: int) -> None:
        peer, id_ = chosen(task, [key for key, task in self.model.tasks.items() if task.wanted])
        self.model.client_gone(peer)
        effects = self.state.received(peer, [Submit(id_, 2, False, 0.0, 1, 0, b"again"), Heartbeat()], self.now)
        assert any(isinstance(effect, Close) and effect.peer == peer for effect in effects)
        self.agree(effects, {})

    @precondition(lambda self: self.model.clients)
    @rule(client=pick, id_=pick, queued_only=st.booleans())
    def cancel(self, client: int, id_: int, queued_only: bool) -> None:
        peer = chosen(client, self.model.clients)
        mine = [key for key in self.model.tasks if key[0] == peer] or [(peer, id_)]
        key = chosen(id_, mine)
        task = self.model.tasks.get(key)
        goes_on = task is not None and task.node and not task.cancelled and queued_only
        answers = self.model.cancel(key, queued_only)
        effects = self.state.received(peer, [Cancel(key[1], queued_only)], self.now)
        assert (Send(peer, StillRunning(key[1])) in effects) == bool(goes_on)
        self.agree(effects, answers)

    @precondition(lambda self: self.model.in_flight())
    @rule(task=pick, end=st.sampled_from(ENDS))
    def node_answers(self, task: int, end: tuple[Status, Entered]) -> None:
        key = chosen(task, [key for key, task in self.model.tasks.items() if task.node])
        assign, run_s, node = self.numbers[key], self.model.tasks[key].run_s, self.model.tasks[key].node
        answers = self.model.outcome(key, *end)
        self.say(node, Outcome(assign.id, *end, assign.attempt, run_s), answers=answers)

    @precondition(lambda self: self.numbers and self.model.nodes)
    @rule(task=pick, node=pick)
    def node_answers_what_it_does_not_have(self, task: int, node: int) -> None:
        key = chosen(task, self.numbers)
        peer = chosen(node, self.model.nodes)
        attempt = self.numbers[key].attempt
        if key in self.model.on(peer):
            attempt += 1
        self.say(peer, Outcome(self.numbers[key].id, Status.COMPLETED, Entered.YES, attempt))

    @rule(seconds=st.sampled_from([0.01, 0.5, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.agree(self.state.tick(self.now), self.model.overdue(self.now))
        assert not self.model.overdue(self.now)

    # ---- what must come of it -----------------------------------------------------------------------------------

    def say(self, peer: int, *messages: Message, answers: dict[Key, int] | None = None) -> None:
        self.agree(self.state.received(peer, list(messages), self.now), answers or {})

    def ends(self, peer: int, goodbye: bool) -> Iterable[object]:
        return self.state.received(peer, [Goodbye("")], self.now) if goodbye else self.state.lost(peer, self.now)

    def agree(self, effects: Iterable[object], answers: dict[Key, int]) -> None:
        """The cluster gives the answers that the model has, and no others, and what it sends to nodes may be sent."""
        left = dict(answers)
        for effect in effects:
            match effect:
                case Send(peer=peer, message=Assign() as assign):
                    client, _, id_ = bytes(assign.payload).partition(b":")
                    key = int(client), int(id_)
                    self.model.assigned(key, peer)
                    assert assign.attempt == self.model.tasks[key].attempt
                    self.numbers[key] = assign
                case Send(peer=peer, message=Cancel(id=number)):
                    key = next(key for key, assign in self.numbers.items() if assign.id == number)
                    self.model.told_to_end(key, peer)
                case Send(peer=peer, message=Outcome(status=status) as outcome):
                    key = peer, outcome.id
                    if key not in left and self.model.overdue(self.now).get(key) == status:
                        left[key] = Status.EXPIRED
                    assert left.pop(key, None) == status, f"task {key} is answered {STATUS_NAMES[status]}"
                    self.model.tasks.pop(key, None)
                    denied = outcome.entered == Entered.NO and key in self.model.may_have_run
                    assert not denied, "it may have run, and the answer denies it"
        assert not left, f"these should be answered: {left}"

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        check_cluster(self.state)
        seen = cluster_snapshot(self.state, self.now)
        assert (seen.queue_length, seen.in_flight) == (len(self.model.waiting()), self.model.in_flight())
        assert not (self.model.waiting() and self.model.has_idle_worker()), "a task waits while a worker idles"
        assert not [t for t in self.model.tasks.values() if t.node and t.cancelled and not t.told], "a cancel is kept"


def chosen(number: int, among: Iterable[T]) -> T:
    """One of these, by a number that hypothesis can make smaller."""
    ordered = list(among)
    return ordered[number % len(ordered)]


TestClusterMachine = ClusterMachine.TestCase
TestClusterMachine.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
