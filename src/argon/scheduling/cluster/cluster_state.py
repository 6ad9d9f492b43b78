"""The corridor of the cluster: every message comes through here, and every effect leaves from here.

In: what peers say and when, and that they come and go. Out: effects, in order. A task is in one of the rooms, on one
node, or gone. It must never do I/O, read a clock, or look into a payload.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.handshake import Role
from argon.protocol.ids import PeerId
from argon.protocol.messages import (
    Announced,
    Answer,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainRequest,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Register,
    Reject,
    Status,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
    payload_bytes,
)
from argon.scheduling.cluster.admission import Rejection
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.forecast import DoorState
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.probation import Probation
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.reporting.counters import Ledger
from argon.scheduling.cluster.reporting.decision_log import Journal
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.cluster.reporting.report import ReportState
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot
from argon.scheduling.cluster.router import Route, Router, RoutingRule
from argon.scheduling.cluster.shutdown import Departure
from argon.scheduling.cluster.task import Task, TaskState, admitted_task
from argon.scheduling.effects import Close, ClusterEffect, DiscardPayload, Send, Stop
from argon.scheduling.liveness import Liveness
from argon.settings import MAX_WORKERS, ClusterSettings

if TYPE_CHECKING:
    from random import Random

Effects: TypeAlias = list[ClusterEffect]
ATTEMPTS_MAX: Final = 3
RETURNS_MAX: Final = 1000  # nodes that give a task back unbegun take none of its attempts
_REMAINING_MIN_S: Final = 1e-6  # since 0 means that there is no deadline
_OVERDUE: Final = Diagnosis("its deadline passed in the queue")
_TOO_LATE: Final = Diagnosis("what its wait in the queue has left of its time is too short for it")


class ClusterState:
    """Decides for a cluster. One call for each thing that happens; each returns the effects to perform, in order."""

    def __init__(self, settings: ClusterSettings, rng: Random, rule: RoutingRule | None = None) -> None:
        self._settings = settings
        self._clients = Clients(settings.client_limit)
        self._newcomers: set[PeerId] = set()
        self._queue = TaskQueue(settings.age_step_s)
        self._membership = Membership()
        self._probation = Probation()
        self._router = Router(rule)
        self._fleet = self._router.fleet
        self._door = DoorState(settings, rng, self._clients, self._queue, self._membership, self._fleet)
        self._ledger = Ledger()
        self._journal = Journal()
        self._answered: list[tuple[ClientSession, Answer]] = []
        self._liveness = Liveness(settings.heartbeat_s, settings.dead_after_s)
        self._departure = Departure()
        self._report = ReportState(
            settings, self._queue, self._membership, self._clients, self._ledger, self._journal, self._departure
        )

    # ---- what happens -------------------------------------------------------------------------------------------

    def connected(self, peer: PeerId, role: Role, now: float) -> Effects:
        """A peer has proved the token."""
        self._liveness.join(peer, now)
        if role is Role.CLIENT:
            credit = self._clients.add(peer, self._clients.share(self._door.room(), now))
        else:
            credit = 0
            self._newcomers.add(peer)
        s = self._settings
        welcome = Send(peer, Welcome(peer, credit, s.max_payload_bytes, s.heartbeat_s, s.dead_after_s))
        return [welcome, Send(peer, Drain())] if self._departure.told and role is Role.CLIENT else [welcome]

    def received(self, peer: PeerId, messages: list[Message], now: float) -> Effects:
        """A peer has said these things, in this order, all read at once."""
        effects: Effects = []
        client = self._clients.get(peer)
        if client is not None:
            self._liveness.heard(peer, now)
            for message in messages:
                if type(message) is Submit and message.id not in client.tasks:
                    self._submit(client, message, now, effects)
                elif not self._from_client(client, message, now, effects):
                    break
        elif self._is_node(peer):
            self._liveness.heard(peer, now)
            member = self._membership.get(peer)
            for message in messages:
                if type(message) is Outcome and member is not None:
                    self._outcome(member, message, now, effects)
                elif self._from_node(peer, message, now, effects):
                    member = self._membership.get(peer)
                else:
                    return self._finish(now, effects)
            if member is not None:
                learned = member.times.learn(self._fleet, now)
                if learned and self._probation.evaluate(member, self._membership.trusted, now):
                    self._membership.recount(member)
                self._router.update(member)
        return self._finish(now, effects)

    def lost(self, peer: PeerId, now: float) -> Effects:
        """A peer is gone; nothing can be said to it any more."""
        effects: Effects = []
        self._gone(peer, "the connection to its node was lost", now, effects)
        return self._finish(now, effects)

    def _gone(self, peer: PeerId, reason: str, now: float, effects: Effects) -> None:
        self._liveness.leave(peer)
        client = self._clients.get(peer)
        if client is not None:
            self._client_gone(client, effects)
        self._newcomers.discard(peer)
        member = self._membership.get(peer)
        if member is not None:
            self._node_gone(member, reason, now, effects)

    def held_back(self, peer: PeerId, now: float) -> None:
        """Our side does not read from this peer at present, so its silence means nothing."""
        self._liveness.heard(peer, now)

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        effects: Effects = []
        for task in self._queue.expire(now):
            self._settle(task, Status.EXPIRED, Entered.NO, now, effects, _OVERDUE)
        alive, silent = self._liveness.beat(now)
        if alive:
            room = self._clients.share(self._door.room(), now)
            effects += [Send(peer, Heartbeat(self._clients.offer(peer, room))) for peer in alive]
        for peer in silent:
            self._drop(peer, f"nothing was heard for {self._settings.dead_after_s:g} s", now, effects)
        if now >= self._departure.next_deadline():
            self._fail_all(now, effects)
        return self._finish(now, effects)

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(self._queue.next_deadline(), self._liveness.next_deadline())
        moment = min(moment, min(self._departure.next_deadline(), self._probation.next_deadline()))
        return None if moment == inf else moment

    def drain(self, now: float, timeout_s: float) -> Effects:
        """Admit nothing more; finish what is here within ``timeout_s``, fail the rest, then stop."""
        self._departure.begin(now + timeout_s)
        self._door.shut = True
        effects: Effects = []
        if timeout_s <= 0:
            self._fail_all(now, effects)
        return self._finish(now, effects)

    # ---- clients ------------------------------------------------------------------------------------------------

    def _submit(self, client: ClientSession, m: Submit, now: float, effects: Effects) -> None:
        size = payload_bytes(m.payload)
        admitted = client.announced is not None and client.announced.submit.id == m.id
        if admitted:
            self._clients.end_announcement(client)
            admitted = not self._departure.told  # else its client may take it for one that was never read
        route = None if len(self._queue) or self._departure.begun else self._router.choose(m.kind, m.key)
        if not admitted and (route is None or client.outstanding() >= client.allowance or m.timeout_s):
            reason = self._door.refusal(client, m, size, route is not None, now)
            if reason is not None:
                self._reject(client, self._door.rejection(client, m, size, reason, now), effects)
                return
        self._ledger.accepted += 1
        task = admitted_task(self._ledger.accepted, client.peer, m, size, now)
        self._clients.begin(client, task)
        if route is not None:
            self._assign(task, route, now, effects)
        else:
            task.predicted_s = self._door.expected_s(m.kind)
            task.admission = self._door.admission(client, m, not admitted)
            self._queue.push(task)

    def _reject(self, client: ClientSession, why: Rejection, effects: Effects) -> None:
        self._ledger.end(Status.REJECTED)
        self._journal.refuse(why)
        outcome = Reject(why.sequence, why.reason, why.retry_after_s)
        self._answered.append((client, outcome))
        effects.append(Send(client.peer, outcome))

    def _from_client(self, client: ClientSession, m: Message, now: float, effects: Effects) -> bool:
        match m:
            case Submit():
                self._drop(client.peer, f"task id {m.id} is already in use", now, effects)
            case Announced():
                self._announce(client, m, now, effects)
            case Oversized():
                self._reject(client, self._door.oversized(client, m), effects)
            case Cancel():
                self._cancel_asked(client, m, now, effects)
            case StatusRequest():
                effects.append(Send(client.peer, self._report.status(now)))
            case ExplainRequest():
                effects.append(Send(client.peer, self._report.explained(m, now)))
            case Heartbeat():
                pass
            case Goodbye():
                self._drop(client.peer, "goodbye", now, effects)
            case _:
                self._drop(client.peer, f"a client may not say {type(m).__name__}", now, effects)
        return self._clients.get(client.peer) is client

    def _announce(self, client: ClientSession, m: Announced, now: float, effects: Effects) -> None:
        reason = self._door.refusal(client, m.submit, m.size_bytes, False, now)
        if reason is None:
            self._clients.announce(client, m)
        else:
            self._reject(client, self._door.rejection(client, m.submit, m.size_bytes, reason, now), effects)
            effects.append(DiscardPayload(client.peer))

    def _cancel_asked(self, client: ClientSession, m: Cancel, now: float, effects: Effects) -> None:
        if (task := client.tasks.get(m.id)) is None or task.state == TaskState.CANCELLING:
            return
        if task.state == TaskState.QUEUED:
            self._settle(task, Status.CANCELLED, Entered.NO, now, effects, Diagnosis())
        elif m.queued_only:
            effects.append(Send(client.peer, StillRunning(m.id)))
        else:
            task.state = TaskState.CANCELLING
            effects.append(Send(task.node, Cancel(task.id)))

    def _client_gone(self, client: ClientSession, effects: Effects) -> None:
        self._clients.remove(client)
        for task in client.tasks.values():
            self._journal.leave(task)
            if task.state == TaskState.QUEUED:
                task.state, task.payload, task.status = TaskState.SETTLED, b"", Status.CANCELLED
                self._queue.remove(task)
                self._ledger.end(Status.CANCELLED)
                continue
            if task.state == TaskState.ASSIGNED:
                task.state = TaskState.CANCELLING
                effects.append(Send(task.node, Cancel(task.id)))
            task.client = None
        self._queue.forget_client(client.peer)

    # ---- nodes --------------------------------------------------------------------------------------------------

    def _is_node(self, peer: PeerId) -> bool:
        return peer in self._newcomers or self._membership.get(peer) is not None

    def _from_node(self, peer: PeerId, m: Message, now: float, effects: Effects) -> bool:
        member = self._membership.get(peer)
        match m:
            case Register() if member is None:
                self._register(peer, m, now, effects)
            case Heartbeat():
                pass
            case Capacity() if member is not None and 0 <= m.workers <= MAX_WORKERS and 0.0 <= m.pressure <= 1.0:
                self._membership.set_workers(member, m.workers)
                member.pressure = m.pressure
            case Drain() if member is not None:
                self._membership.drain(member)
                effects.append(Send(peer, Drain()))
            case Goodbye():
                self._drop(peer, "goodbye", now, effects)
            case _:
                self._drop(peer, f"a node may not say {type(m).__name__} now", now, effects)
        return self._is_node(peer)

    def _register(self, peer: PeerId, m: Register, now: float, effects: Effects) -> None:
        if objection := self._membership.objection(m.name, m.incarnation):
            self._drop(peer, objection, now, effects)
            return
        if (old := self._membership.named(m.name)) is not None:
            self._drop(old.peer, "this node has registered again on a newer connection", now, effects)
        self._newcomers.discard(peer)
        self._membership.add(NodeSession(peer, m.name, m.incarnation))

    def _outcome(self, member: NodeSession, m: Outcome, now: float, effects: Effects) -> None:
        task = member.tasks.get(m.id)
        if task is None or task.attempt != m.attempt:
            self._ledger.stale_answers += 1
            return
        status = m.status
        self._membership.release(member, task, given_back=status == Status.LOST)
        self._probation.cool_down(member, now)
        if status == Status.LOST and task.state == TaskState.ASSIGNED and self._try_again(task, m.entered, now):
            return
        if status == Status.COMPLETED:
            member.note_run(task, m.run_s, self._fleet, now)
        elif status == Status.EXPIRED and m.run_s:
            member.times.note_killed(task.kind, m.run_s, self._fleet, now)
        if task.client is not None:
            self._queue.charge(task.client, task.priority, m.run_s - task.charged_s)
        if task.state == TaskState.CANCELLING and (
            status > Status.FAILED or (status == Status.FAILED and m.failure_kind == FailureKind.WORKER_DIED)
        ):
            m.status = Status.CANCELLED
        self._answer(task, m, now, effects)

    def _node_gone(self, member: NodeSession, reason: str, now: float, effects: Effects) -> None:
        self._membership.remove(member)
        self._probation.forget(member)
        self._router.remove(member)
        for task in list(member.tasks.values()):
            if task.state == TaskState.CANCELLING:
                self._settle(task, Status.CANCELLED, Entered.UNKNOWN, now, effects, Diagnosis(node=member.name))
            elif not self._try_again(task, Entered.UNKNOWN, now):
                self._settle(task, Status.LOST, Entered.UNKNOWN, now, effects, Diagnosis(reason, member.name))
        member.tasks.clear()

    def _try_again(self, task: Task, entered: int, now: float) -> bool:
        """Puts a task that a node did not finish back into the queue, if it may be repeated; returns whether it may."""
        unbegun = entered == Entered.NO
        task.losses += 0 if unbegun else 1
        repeatable = task.idempotent and task.losses < ATTEMPTS_MAX and not self._departure.over
        if not (task.attempt < RETURNS_MAX if unbegun else repeatable):
            return False
        self._ledger.requeued += 1
        self._journal.give_back(task, "it was given back unbegun" if unbegun else "it was lost there")
        task.state, task.queued_at = TaskState.QUEUED, now
        task.predicted_s = self._door.expected_s(task.kind)
        self._queue.push_returned(task)
        return True

    # ---- routing and answering ----------------------------------------------------------------------------------

    def _finish(self, now: float, effects: Effects) -> Effects:
        """Ends every event: tasks go where room is now, and only then answers get their credits."""
        for member in self._probation.end_cool_downs(self._membership.trusted, self._membership.workers, now):
            self._membership.recount(member)
            self._router.update(member)
        self._route(now, effects)
        if self._answered:
            room = self._clients.share(self._door.room(), now)
            for client, outcome in self._answered:
                outcome.credits = client.grant(self._clients.credit(client, room))
            self._answered.clear()
        if (guest := self._door.guest()) is not None:
            effects.append(Send(guest, Heartbeat(self._clients.offer(guest, self._door.room()))))
        if self._departure.begun and not len(self._queue) and not self._membership.in_flight:
            self._depart(now, effects)
        return effects

    def _route(self, now: float, effects: Effects) -> None:
        while (task := self._queue.peek(now)) is not None:
            left_s = task.deadline - now
            route = self._router.choose(task.kind, task.key)
            if route is None and left_s > 0.0:
                return
            too_long = left_s != inf and self._fleet.too_long(task.kind, left_s)
            if route is None or left_s <= 0.0 or (too_long and not self._fleet.admit_trial(task.kind, now)):
                self._settle(task, Status.EXPIRED, Entered.NO, now, effects, _TOO_LATE if left_s > 0.0 else _OVERDUE)
                continue
            self._assign(self._queue.pop(now), route, now, effects)

    def _assign(self, task: Task, route: Route, now: float, effects: Effects) -> None:
        member = route.node
        task.state = TaskState.ASSIGNED
        task.attempt += 1
        task.node = member.peer
        task.assigned_at = now
        task.wait_s += now - task.queued_at
        known_s = member.times.known_s(task.kind, self._fleet)
        self._journal.send(task, route, known_s)
        self._membership.assign(member, task, known_s)
        self._router.update(member)
        remaining_s = 0.0 if task.deadline == inf else max(_REMAINING_MIN_S, task.deadline - now)
        assign = Assign(task.id, task.attempt, task.priority, remaining_s, task.kind, task.payload)
        effects.append(Send(member.peer, assign))

    def _settle(self, task: Task, status: int, entered: int, now: float, effects: Effects, why: Diagnosis) -> None:
        """Answers a task that no outcome from a node has answered."""
        if task.state == TaskState.QUEUED:
            task.state = TaskState.SETTLED
            self._queue.remove(task)
            task.wait_s += now - task.queued_at
        outcome = Outcome(task.id, status, entered, task.attempt, payload=encode_diagnosis(why))
        self._answer(task, outcome, now, effects)

    def _answer(self, task: Task, m: Outcome, now: float, effects: Effects) -> None:
        task.state = TaskState.SETTLED
        task.payload = b""
        self._ledger.end(m.status)
        if task.losses and m.entered == Entered.NO:
            m.entered = Entered.UNKNOWN
        self._journal.end(task, m.status, m.entered, m.run_s, now)
        client = self._clients.get(task.client)
        if client is None:
            return
        self._clients.end(client, task)
        m.id, m.queued_s = task.client_id, task.wait_s
        self._answered.append((client, m))
        effects.append(Send(client.peer, m))

    # ---- life and death -----------------------------------------------------------------------------------------

    def _drop(self, peer: PeerId, reason: str, now: float, effects: Effects) -> None:
        effects.append(Close(peer, reason))
        self._gone(peer, reason, now, effects)

    def _fail_all(self, now: float, effects: Effects) -> None:
        reason = "the cluster shut down before it finished"
        for task in self._queue.waiting():
            self._settle(task, Status.LOST, Entered.NO, now, effects, Diagnosis(reason))
        for member in self._membership.all():
            for task in list(member.tasks.values()):
                self._membership.release(member, task)
                effects.append(Send(member.peer, Cancel(task.id)))
                status = Status.CANCELLED if task.state == TaskState.CANCELLING else Status.LOST
                self._settle(task, status, Entered.UNKNOWN, now, effects, Diagnosis(reason, member.name))

    def _depart(self, now: float, effects: Effects) -> None:
        if self._departure.tell(now):
            effects += [Send(client.peer, Drain()) for client in self._clients.all()]
        if self._departure.leave(len(self._clients), now):
            effects += [*(Close(peer, "the cluster is shutting down") for peer in self._liveness.peers()), Stop()]

    def snapshot(self, now: float) -> ClusterSnapshot:
        """The numbers of this moment."""
        return self._report.snapshot(now)

    def check(self) -> None:
        """Asserts the invariants. Called after every step in tests, never in production."""
        check_cluster(self._settings, self._queue, self._membership, self._clients, self._ledger, self._journal)
