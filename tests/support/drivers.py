"""Three states with a hand on each: every call is followed by `check()`, and every effect is remembered.

A driver also keeps the clock: time passes only by `wait`, which calls `tick` at each moment that the state asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Sequence
from random import Random
from typing import Generic, Protocol, TypeVar

from argon.errors import RejectReason
from argon.protocol.codec import decode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Answer,
    Assign,
    Capacity,
    Entered,
    Message,
    Outcome,
    Payload,
    Register,
    Reject,
    Status,
    Submit,
    Welcome,
)
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.cluster.reporting.report import reply
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot, cluster_snapshot
from argon.scheduling.effects import AssignWorker, Close, Report, Send, Settle, Spawn
from argon.scheduling.load import Runs
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import Recalled, WorkerExit
from argon.scheduling.task_options import TaskOptions
from argon.settings import AS_THE_CLUSTER_SAYS, ClusterSettings, NodeSettings, PeerLiveness
from tests.support.client_invariants import check_client

M = TypeVar("M")
CLUSTER = 1  # the peer that a node or a client knows as its cluster
KIND = 7


def submit(id_: int, priority: int = 2, payload: Payload = b"work", **options: object) -> Submit:
    """A Submit with the usual fields filled in."""
    fields: dict[str, object] = {"idempotent": False, "timeout_s": 0.0, "kind": KIND, "key": 0, **options}
    return Submit(id_, priority, payload=payload, **fields)  # type: ignore[arg-type]


def runs_of(*seconds: float) -> Runs:
    """What tasks took that took this."""
    runs = Runs()
    for run_s in seconds:
        runs.note(run_s)
    return runs


def completed(assign: Assign, run_s: float = 0.001, payload: Payload = b"done") -> Outcome:
    """What a node answers when all went well."""
    return Outcome(assign.id, Status.COMPLETED, Entered.YES, assign.attempt, run_s, payload=payload)


def given_back(assign: Assign) -> Outcome:
    """What a node answers to a task that it never began."""
    return Outcome(assign.id, Status.LOST, Entered.NO, assign.attempt)


def detail(outcome: Outcome) -> Diagnosis:
    """The words of the cluster or a node about an outcome."""
    assert isinstance(outcome.payload, bytes)
    return decode_diagnosis(outcome.payload)


class StateMachine(Protocol):
    """What every state machine has."""

    def tick(self, now: float) -> Sequence[object]: ...
    def next_deadline(self) -> float | None: ...


S = TypeVar("S", bound=StateMachine)


class Driver(ABC, Generic[S]):
    """A state machine, its clock, and every effect that it has returned."""

    def __init__(self, state: S) -> None:
        self.state = state
        self.now = 1000.0
        self.effects: list[object] = []

    @abstractmethod
    def check(self) -> None:
        """Asserts the invariants of the state."""

    def remembered(self, effect: object) -> object:
        """The effect as it is remembered."""
        return effect

    def did(self, effects: Iterable[object]) -> list[object]:
        """Remembers what a call has returned, and checks the state after it."""
        new = [self.remembered(effect) for effect in effects]
        self.effects += new
        self.check()
        return new

    def wait(self, seconds: float) -> list[object]:
        """Time passes; `tick` is called whenever the state asked for it."""
        until, seen = self.now + seconds, len(self.effects)
        while (moment := self.state.next_deadline()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self.did(self.state.tick(self.now))
        self.now = until
        self.did(self.state.tick(self.now))
        return self.effects[seen:]


class ClusterDriver(Driver[ClusterState]):
    """A cluster, and everything it has said to each peer."""

    def __init__(self, **settings: float) -> None:
        self.settings = ClusterSettings(**settings)  # type: ignore[arg-type]
        super().__init__(ClusterState(self.settings, Random(1)))
        self._peers = 0
        self._answered: set[tuple[int, int, int]] = set()

    def check(self) -> None:
        check_cluster(self.state)

    def remembered(self, effect: object) -> object:
        """A report is remembered as the message in which it is sent."""
        return Send(effect.peer, reply(self.state, effect.asked, self.now)) if isinstance(effect, Report) else effect

    def client(self) -> int:
        """A client connects; returns its peer."""
        self._peers += 1
        self.did(self.state.connected(self._peers, Role.CLIENT, self.now))
        return self._peers

    def newcomer(self) -> int:
        """A node connects and has not registered yet; returns its peer."""
        self._peers += 1
        self.did(self.state.connected(self._peers, Role.NODE, self.now))
        return self._peers

    def node(self, workers: int = 1, name: str | None = None, incarnation: int = 1) -> int:
        """A node connects, registers and reports its workers; returns its peer."""
        peer = self.newcomer()
        self.say(peer, Register(name or f"node-{peer}", incarnation))
        if workers:
            self.say(peer, Capacity(workers))
        return peer

    def say(self, peer: int, *messages: Message) -> list[object]:
        """A peer says these things in one read; returns the effects."""
        self._answered |= {(peer, said.id, said.attempt) for said in messages if isinstance(said, Outcome)}
        return self.did(self.state.received(peer, list(messages), self.now))

    def unanswered(self, node: int) -> list[Assign]:
        """What a node was assigned and has not answered, oldest first."""
        return [one for one in self.heard(node, Assign) if (node, one.id, one.attempt) not in self._answered]

    def finish_oldest(self, node: int, run_s: float = 0.001) -> list[object]:
        """A node completes the oldest task that it was assigned and has not answered."""
        return self.say(node, completed(self.unanswered(node)[0], run_s))

    def give_back_oldest(self, node: int) -> list[object]:
        """A node gives back, not begun, the oldest task that it was assigned and has not answered."""
        return self.say(node, given_back(self.unanswered(node)[0]))

    def lose(self, peer: int) -> list[object]:
        """A peer's connection ends."""
        return self.did(self.state.lost(peer, self.now))

    def drain(self, timeout_s: float = 30.0) -> list[object]:
        """Somebody asks the cluster to drain."""
        return self.did(self.state.drain(self.now, timeout_s))

    def heard(self, peer: int, kind: type[M]) -> list[M]:
        """Everything of one type that was said to a peer, oldest first."""
        said = [effect.message for effect in self.effects if isinstance(effect, Send) and effect.peer == peer]
        return [message for message in said if isinstance(message, kind)]

    def closed(self, peer: int) -> list[str]:
        """Why a peer was hung up on."""
        return [effect.reason for effect in self.effects if isinstance(effect, Close) and effect.peer == peer]

    def answers(self, client: int) -> dict[int, Answer]:
        """The one answer to each task that has one, by the client's number."""
        found: dict[int, Answer] = {}
        for answer in self.heard(client, Answer):
            assert answer.id not in found, f"task {answer.id} was answered twice"
            found[answer.id] = answer
        return found

    def snapshot(self) -> ClusterSnapshot:
        """The numbers of this moment."""
        return cluster_snapshot(self.state, self.now)

    def counters(self) -> dict[str, int]:
        """The counters of the snapshot."""
        return self.state.counters.by_name()


class BusyCluster(ClusterDriver):
    """A cluster whose only worker has a task, and whom others may join.

    Attributes:
        first_client: the client that has submitted it, as its task 100.
        first_node: the node of the worker.
    """

    def __init__(self, **settings: float) -> None:
        super().__init__(**settings)
        self.first_node, self.first_client = self.node(), self.client()
        self.say(self.first_client, submit(100))


class NodeDriver(Driver[NodeState]):
    """A node, its workers' inboxes, and everything it has said to the cluster."""

    def __init__(self, workers: int = 1, connect: bool = True, **settings: object) -> None:
        self.settings = NodeSettings("here", 1, workers, **settings)  # type: ignore[arg-type]
        super().__init__(NodeState(self.settings))
        self.did(self.state.start())
        if connect:
            self.connect()

    def check(self) -> None:
        self.state.check()

    def connect(self, peer: int = CLUSTER, heartbeat_s: float = 5.0, dead_after_s: float = 15.0) -> list[object]:
        """The cluster welcomes the node."""
        welcome = Welcome(peer, 100, 1 << 20, heartbeat_s, dead_after_s)
        return self.did(self.state.connected(peer, welcome, self.now))

    def ready(self, *workers: int) -> list[object]:
        """These workers come up."""
        return [effect for worker in workers for effect in self.did(self.state.worker_ready(worker, self.now))]

    def say(self, *messages: Message, peer: int = CLUSTER) -> list[object]:
        """The cluster says these things in one read."""
        return self.did(self.state.received(peer, list(messages), self.now))

    def assign(self, id_: int, priority: int = 2, timeout_s: float = 0.0, kind: int = KIND) -> list[object]:
        """The cluster assigns a task."""
        return self.say(Assign(id_, 1, priority, timeout_s, kind, b"work"))

    def answer(
        self, worker: int, *local_task_ids: int, run_s: float = 0.0001, status: int = Status.COMPLETED
    ) -> list[object]:
        """A worker finishes tasks, by the node's own numbers."""
        outcomes = [
            Outcome(local_task_id, status, Entered.YES, run_s=run_s, payload=b"done")
            for local_task_id in local_task_ids
        ]
        return self.did(self.state.worker_answered(worker, outcomes, self.now))

    def recalled(self, worker: int, unstarted: Iterable[int] = (), finished: Iterable[int] = ()) -> list[object]:
        """A recall brings back what the worker had not started, and what it had finished."""
        outcomes = [Outcome(local_task_id, Status.COMPLETED, Entered.YES) for local_task_id in finished]
        back = list(unstarted)
        running = self._running(worker, [*back, *finished])
        return self.did(self.state.worker_recalled(Recalled(worker, back, outcomes, running), self.now))

    def die(
        self, worker: int, unstarted: Iterable[int] = (), finished: Iterable[Outcome] = (), **ended: object
    ) -> list[object]:
        """A worker process ends, in the midst of the last task that was assigned to it if nothing else is said."""
        fields: dict[str, object] = {"signal": 11, "exit_code": 0, "reason": "it crashed", **ended}
        fields.setdefault("entered", self._running(worker, list(unstarted)))
        exit_ = WorkerExit(worker, unstarted=list(unstarted), outcomes=list(finished), **fields)  # type: ignore[arg-type]
        return self.did(self.state.worker_ended(exit_, self.now))

    def _running(self, worker: int, others: list[int]) -> int:
        """The task that the worker has entered: the last assigned to it that is none of the others."""
        slot = self.state._workers.get(worker)
        return (
            max((local_task_id for local_task_id in slot.tasks if local_task_id not in others), default=0)
            if slot
            else 0
        )

    def lose(self, peer: int = CLUSTER) -> list[object]:
        """The connection to the cluster ends."""
        return self.did(self.state.lost(peer, self.now))

    def drain(self, timeout_s: float = 30.0) -> list[object]:
        """Somebody asks the node to drain."""
        return self.did(self.state.drain(self.now, timeout_s))

    def all(self, kind: type[M]) -> list[M]:
        """Every effect of one type."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def said(self, kind: type[M]) -> list[M]:
        """Everything of one type that was said to the cluster."""
        return [effect.message for effect in self.all(Send) if isinstance(effect.message, kind)]

    def assigned(self, worker: int) -> list[int]:
        """What was handed to a worker, by the node's own numbers."""
        return [effect.local_task_id for effect in self.all(AssignWorker) if effect.worker == worker]

    def answers(self) -> dict[int, Outcome]:
        """The one outcome of each task that has one, by the cluster's number."""
        found: dict[int, Outcome] = {}
        for outcome in self.said(Outcome):
            assert outcome.id not in found, f"task {outcome.id} was answered twice"
            found[outcome.id] = outcome
        return found


def ready_node(workers: int = 1, **settings: object) -> NodeDriver:
    """A node whose workers are up."""
    node = NodeDriver(workers, **settings)
    node.ready(*(effect.worker for effect in node.all(Spawn)))
    return node


def quick_node(workers: int = 1, run_s: float = 0.00004) -> NodeDriver:
    """A node that knows how long its tasks take, by default very short, so that workers prefetch some."""
    node = ready_node(workers)
    node.assign(1000)
    node.answer(node.all(AssignWorker)[0].worker, 1, run_s=run_s)
    return node


class ClientDriver(Driver[ClientState]):
    """A client, everything it has sent, and what its callers have been told."""

    def __init__(
        self,
        credits: int | None = 10,
        seed: int = 1,
        liveness: PeerLiveness = AS_THE_CLUSTER_SAYS,
        **welcome: float,
    ) -> None:
        super().__init__(ClientState(Random(seed), liveness))
        if credits is not None:
            self.connect(credits, **welcome)

    def check(self) -> None:
        check_client(self.state)

    def connect(
        self, credits: int = 10, peer: int = CLUSTER, max_payload_bytes: int = 1 << 20, heartbeat_s: float = 5.0
    ) -> list[object]:
        """The cluster welcomes the client."""
        welcome = Welcome(peer, credits, max_payload_bytes, heartbeat_s, 3 * heartbeat_s)
        return self.did(self.state.connected(peer, welcome, self.now))

    def submit(self, payload: Payload = b"work", timeout_s: float | None = None, **options: object) -> int:
        """A caller submits a task; returns its number."""
        task_options = TaskOptions(timeout_s=timeout_s, **options)  # type: ignore[arg-type]
        deadline = float("inf") if timeout_s is None else self.now + timeout_s
        id_, effects = self.state.submit(KIND, payload, task_options, deadline, self.now)
        self.did(effects)
        return id_

    def cancel(self, id_: int, queued_only: bool = False) -> list[object]:
        """A caller cancels a task."""
        return self.did(self.state.cancel(id_, queued_only, self.now))

    def say(self, *messages: Message, peer: int = CLUSTER) -> list[object]:
        """The cluster says these things in one read."""
        return self.did(self.state.received(peer, list(messages), self.now))

    def answer(self, id_: int, status: int = Status.COMPLETED, credits: int = 10, **fields: object) -> list[object]:
        """The cluster answers a task that it had admitted."""
        return self.say(Outcome(id_, status, Entered.YES, credits=credits, **fields))  # type: ignore[arg-type]

    def reject(self, id_: int, reason: RejectReason, retry_after_s: float = 0.0, *, credits: int = 10) -> list[object]:
        """The cluster does not admit a task."""
        return self.say(Reject(id_, reason, retry_after_s, credits))

    def lose(self, peer: int = CLUSTER, unread: Container[int] = ()) -> list[object]:
        """The connection ends, and these tasks have certainly not been read."""
        return self.did(self.state.lost(peer, self.now, unread))

    def close(self) -> list[object]:
        """The client ends."""
        return self.did(self.state.close())

    def sent(self, kind: type[M]) -> list[M]:
        """Everything of one type that was said to the cluster."""
        return [e.message for e in self.effects if isinstance(e, Send) and isinstance(e.message, kind)]

    def submitted(self) -> list[int]:
        """The tasks that were sent, in order."""
        return [message.id for message in self.sent(Submit)]

    def settled(self) -> dict[int, Answer]:
        """The one answer that each caller got, by the client's number."""
        found: dict[int, Answer] = {}
        for effect in self.effects:
            if isinstance(effect, Settle):
                assert effect.task not in found, f"task {effect.task} was settled twice"
                found[effect.task] = effect.answer
        return found
