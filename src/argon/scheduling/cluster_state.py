"""The corridor of the cluster: every message comes through here, and every effect leaves from here.

In: what peers say and when, and that they come and go. Out: effects, in order. It passes each task through admission,
the queue, membership and the router, which are blind to each other; a task is in one of them, on one node, or gone.
It must never do I/O, read a clock, or look into a payload.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from argon.protocol.codec import encode_detail
from argon.protocol.detail import Detail
from argon.protocol.handshake import Role
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainReply,
    ExplainRequest,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Refusal,
    Register,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
    payload_bytes,
)
from argon.scheduling.admission import Door, client_credits, refusal, retry_after_s
from argon.scheduling.clients import Clients, ClientSession
from argon.scheduling.departure import Departure
from argon.scheduling.effects import Close, ClusterEffect, DiscardPayload, Peer, Send, Stop
from argon.scheduling.explanation import Explanation, explanation
from argon.scheduling.invariants import check_cluster
from argon.scheduling.journal import Journal, Rejection
from argon.scheduling.ledger import Ledger
from argon.scheduling.liveness import Liveness
from argon.scheduling.load import ServiceTimes
from argon.scheduling.member import Member, is_node_name
from argon.scheduling.membership import Membership
from argon.scheduling.queue import TaskQueue
from argon.scheduling.router import Router
from argon.scheduling.snapshot import ClusterSnapshot, cluster_snapshot
from argon.scheduling.task import Admission, Task, TaskState, admitted_task
from argon.settings import MAX_NAME_CHARS, MAX_WORKERS, ClusterSettings

if TYPE_CHECKING:
    from random import Random

Effects: TypeAlias = list[ClusterEffect]
ATTEMPTS_MAX: Final = 3
RETURNS_MAX: Final = 1000  # nodes that give a task back unbegun take none of its attempts
_REMAINING_MIN_S: Final = 1e-6  # since 0 means that there is no deadline
_COMPLETED: Final = int(Status.COMPLETED)  # asking an enumeration costs more, and these are asked for every task
_FAILED: Final = int(Status.FAILED)
_REJECTED: Final = int(Status.REJECTED)
_LOST: Final = int(Status.LOST)
_NOT_ENTERED: Final = int(Entered.NO)
_OVERDUE: Final = Detail("its deadline passed in the queue")


class ClusterState:
    """Decides for a cluster. One call for each thing that happens; each returns the effects to perform, in order."""

    def __init__(self, settings: ClusterSettings, rng: Random, router: Router | None = None) -> None:
        self._settings = settings
        self._rng = rng
        self._clients = Clients()
        self._newcomers: set[Peer] = set()
        self._queue = TaskQueue(settings.age_step_s)
        self._membership = Membership()
        self._router = router or Router(ServiceTimes())
        self._fleet = self._router.fleet
        self._ledger = Ledger()
        self._journal = Journal()
        self._answered: list[tuple[ClientSession, Outcome]] = []
        self._liveness = Liveness(settings.heartbeat_s, settings.dead_after_s)
        self._departure = Departure()

    # ---- what happens -------------------------------------------------------------------------------------------

    def connected(self, peer: Peer, role: Role, now: float) -> Effects:
        """A peer has proved the token."""
        self._liveness.join(peer, now)
        credit = self._credits(newcomers=1)
        if role is Role.CLIENT:
            self._clients.add(peer, credit)
        else:
            self._newcomers.add(peer)
        s = self._settings
        welcome = Send(peer, Welcome(peer, credit, s.max_payload_bytes, s.heartbeat_s, s.dead_after_s))
        return [welcome, Send(peer, Drain())] if self._departure.told and role is Role.CLIENT else [welcome]

    def received(self, peer: Peer, messages: list[Message], now: float) -> Effects:
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
                if type(message) is Outcome and member is not None and message.status != _REJECTED:
                    self._outcome(member, message, now, effects)
                elif self._from_node(peer, message, now, effects):
                    member = self._membership.get(peer)
                else:
                    return self._finish(now, effects)
            if member is not None:
                member.learn(self._fleet, now)
                self._router.update(member)
        return self._finish(now, effects)

    def lost(self, peer: Peer, now: float) -> Effects:
        """A peer is gone; nothing can be said to it any more."""
        effects: Effects = []
        self._gone(peer, "the connection to its node was lost", now, effects)
        return self._finish(now, effects)

    def _gone(self, peer: Peer, reason: str, now: float, effects: Effects) -> None:
        self._liveness.leave(peer)
        client = self._clients.get(peer)
        if client is not None:
            self._client_gone(client, effects)
        self._newcomers.discard(peer)
        member = self._membership.get(peer)
        if member is not None:
            self._node_gone(member, reason, now, effects)

    def held_back(self, peer: Peer, now: float) -> None:
        """Our side does not read from this peer at present, so its silence means nothing."""
        self._liveness.heard(peer, now)

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        effects: Effects = []
        for task in self._queue.expire(now):
            self._settle(task, Status.EXPIRED, Entered.NO, now, effects, _OVERDUE)
        alive, silent = self._liveness.beat(now)
        effects += [Send(peer, Heartbeat(self._clients.offer(peer, self._credits()))) for peer in alive]
        for peer in silent:
            self._drop(peer, f"nothing was heard for {self._settings.dead_after_s:g} s", now, effects)
        if now >= self._departure.next_deadline():
            self._fail_all(now, effects)
        return self._finish(now, effects)

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(self._queue.next_deadline(), self._liveness.next_deadline())
        moment = min(moment, self._departure.next_deadline())
        return None if moment == inf else moment

    def drain(self, now: float, timeout_s: float) -> Effects:
        """Admit nothing more; finish what is here within ``timeout_s``, fail the rest, then stop."""
        self._departure.begin(now + timeout_s)
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
        member = None if len(self._queue) or self._departure.begun else self._router.choose(m.kind, m.key)
        if not admitted and (member is None or len(client.tasks) >= client.allowance):
            reason = self._refusal(client, m, size)
            if reason is not None:
                self._reject(client, m.id, reason, size, effects, m)
                return
        self._ledger.accepted += 1
        task = admitted_task(self._ledger.accepted, client.peer, m, size, now)
        self._clients.begin(client, task)
        if member is not None:
            self._assign(task, member, now, effects)
        else:
            task.predicted_s = self._fleet.of(m.kind) or (self._fleet.overall.mean_s if self._fleet.overall else 0.0)
            queue, members = self._queue, self._membership
            task.admission = Admission(len(queue), queue.work_s, members.in_flight, members.workers)
            self._queue.push(task)

    def _refusal(self, client: ClientSession, m: Submit, size_bytes: int) -> Refusal | None:
        door = Door(
            self._departure.begun,
            self._membership.open,
            self._queue.length + self._clients.announced,
            self._queue.size_bytes + self._clients.announced_bytes,
            client.outstanding(),
            client.allowance,
            self._wait_s(),
        )
        return refusal(self._settings, door, size_bytes, m.timeout_s, self._fleet.of(m.kind) or 0.0)

    def _wait_s(self) -> float:
        return self._queue.work_s / max(1, self._membership.workers)

    def _reject(
        self, client: ClientSession, id_: int, reason: Refusal, size: int, effects: Effects, m: Submit | None = None
    ) -> None:
        self._ledger.end(_REJECTED)
        after_s = retry_after_s(reason, self._wait_s(), self._rng)
        rejection = Rejection(
            client.peer,
            id_,
            reason,
            after_s,
            size,
            m.timeout_s if m is not None else 0.0,
            self._fleet.of(m.kind) or 0.0 if m is not None and m.timeout_s else 0.0,
            self._queue.length + self._clients.announced,
            self._queue.size_bytes + self._clients.announced_bytes,
            self._queue.work_s,
            self._membership.workers,
            self._membership.open,
            client.outstanding(),
            client.allowance,
        )
        self._journal.refuse(rejection)
        outcome = Outcome(id_, _REJECTED, _NOT_ENTERED, wait_s=after_s, detail=reason)
        self._answered.append((client, outcome))
        effects.append(Send(client.peer, outcome))

    def _from_client(self, client: ClientSession, m: Message, now: float, effects: Effects) -> bool:
        match m:
            case Submit():
                self._drop(client.peer, f"task id {m.id} is already in use", now, effects)
            case Announced():
                self._announce(client, m, effects)
            case Oversized():
                self._reject(client, m.id, Refusal.TOO_LARGE, m.size_bytes, effects)
            case Cancel():
                self._cancel_asked(client, m, now, effects)
            case StatusRequest():
                effects.append(Send(client.peer, StatusReply(msgspec.json.encode(self.snapshot(now)))))
            case ExplainRequest():
                effects.append(Send(client.peer, ExplainReply(msgspec.json.encode(self._explained(m, now)))))
            case Heartbeat():
                pass
            case Goodbye():
                self._drop(client.peer, "goodbye", now, effects)
            case _:
                self._drop(client.peer, f"a client may not say {type(m).__name__}", now, effects)
        return self._clients.get(client.peer) is client

    def _announce(self, client: ClientSession, m: Announced, effects: Effects) -> None:
        reason = self._refusal(client, m.submit, m.size_bytes)
        if reason is None:
            self._clients.announce(client, m)
        else:
            self._reject(client, m.submit.id, reason, m.size_bytes, effects, m.submit)
            effects.append(DiscardPayload(client.peer))

    def _cancel_asked(self, client: ClientSession, m: Cancel, now: float, effects: Effects) -> None:
        task = client.tasks.get(m.id)
        if task is None or task.state == TaskState.CANCELLING:
            return
        if task.state == TaskState.QUEUED:
            self._settle(task, Status.CANCELLED, Entered.NO, now, effects, Detail())
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

    def _is_node(self, peer: Peer) -> bool:
        return peer in self._newcomers or self._membership.get(peer) is not None

    def _from_node(self, peer: Peer, m: Message, now: float, effects: Effects) -> bool:
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

    def _register(self, peer: Peer, m: Register, now: float, effects: Effects) -> None:
        old = self._membership.named(m.name)
        if not is_node_name(m.name):
            self._drop(peer, f"a node name has 1 to {MAX_NAME_CHARS} of [A-Za-z0-9._:-]", now, effects)
        elif old is not None and old.incarnation != m.incarnation:
            self._drop(peer, f"the name {m.name} is in use by another live node", now, effects)
        else:
            if old is not None:
                self._drop(old.peer, "this node has registered again on a newer connection", now, effects)
            self._newcomers.discard(peer)
            self._membership.add(Member(peer, m.name, m.incarnation))

    def _outcome(self, member: Member, m: Outcome, now: float, effects: Effects) -> None:
        task = member.tasks.get(m.id)
        if task is None or task.attempt != m.attempt:
            self._ledger.stale_answers += 1
            return
        status = m.status
        self._membership.release(member, task, given_back=status == _LOST)
        if status <= _FAILED:
            if status == _COMPLETED:
                member.note_run(task, m.run_s, self._fleet, now)
            if task.client is not None:
                self._queue.charge(task.client, m.run_s - task.charged_s)
        elif status == _LOST and task.state == TaskState.ASSIGNED and self._try_again(task, m.entered, now):
            return
        if task.state == TaskState.CANCELLING and (
            status > _FAILED or (status == _FAILED and m.detail == FailureKind.WORKER_DIED)
        ):
            m.status = Status.CANCELLED
        self._answer(task, m, now, effects)

    def _node_gone(self, member: Member, reason: str, now: float, effects: Effects) -> None:
        self._membership.remove(member)
        self._router.remove(member)
        for task in list(member.tasks.values()):
            if task.state == TaskState.CANCELLING:
                self._settle(task, Status.CANCELLED, Entered.UNKNOWN, now, effects, Detail(node=member.name))
            elif not self._try_again(task, Entered.UNKNOWN, now):
                self._settle(task, Status.LOST, Entered.UNKNOWN, now, effects, Detail(reason, member.name))
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
        task.state = TaskState.QUEUED
        task.queued_at = now
        self._queue.push_returned(task)
        return True

    # ---- routing and answering ----------------------------------------------------------------------------------

    def _finish(self, now: float, effects: Effects) -> Effects:
        """Ends every event: tasks go where room is now, and only then answers get their credits."""
        self._route(now, effects)
        if self._answered:
            credit = self._credits()
            for client, outcome in self._answered:
                outcome.credits = client.grant(credit)
            self._answered.clear()
        if self._departure.begun and not len(self._queue) and not self._membership.in_flight:
            self._depart(now, effects)
        return effects

    def _route(self, now: float, effects: Effects) -> None:
        queue = self._queue
        while (task := queue.peek(now)) is not None:
            if task.deadline <= now:
                self._settle(task, Status.EXPIRED, Entered.NO, now, effects, _OVERDUE)
                continue
            member = self._router.choose(task.kind, task.key)
            if member is None:
                return
            self._assign(queue.pop(now), member, now, effects)

    def _assign(self, task: Task, member: Member, now: float, effects: Effects) -> None:
        task.state = TaskState.ASSIGNED
        task.attempt += 1
        task.node = member.peer
        task.assigned_at = now
        task.wait_s += now - task.queued_at
        seconds, router = member.times.of(task.kind), self._router
        fleet_s = self._fleet.of(task.kind) if seconds is None else seconds
        sent = self._journal.send(task, member, router.choice, router.free_nodes, seconds, fleet_s)
        sent.next_node, sent.next_s = router.next_node, router.next_s
        self._membership.take(member, task, fleet_s)
        router.update(member)
        remaining_s = 0.0 if task.deadline == inf else max(_REMAINING_MIN_S, task.deadline - now)
        assign = Assign(task.id, task.attempt, task.priority, remaining_s, task.kind, task.payload)
        effects.append(Send(member.peer, assign))

    def _settle(self, task: Task, status: Status, entered: Entered, now: float, effects: Effects, why: Detail) -> None:
        """Answers a task that no outcome from a node has answered."""
        if task.state == TaskState.QUEUED:
            task.state = TaskState.SETTLED
            self._queue.remove(task)
            task.wait_s += now - task.queued_at
        outcome = Outcome(task.id, status, entered, task.attempt, payload=encode_detail(why))
        self._answer(task, outcome, now, effects)

    def _answer(self, task: Task, m: Outcome, now: float, effects: Effects) -> None:
        task.state = TaskState.SETTLED
        task.payload = b""
        self._ledger.end(m.status)
        if task.losses and m.entered == _NOT_ENTERED:
            m.entered = Entered.UNKNOWN
        self._journal.end(task, m.status, m.entered, m.run_s, now)
        client = self._clients.get(task.client)
        if client is None:
            return
        self._clients.end(client, task)
        m.id, m.wait_s = task.client_id, task.wait_s
        self._answered.append((client, m))
        effects.append(Send(client.peer, m))

    def _credits(self, newcomers: int = 0) -> int:
        workers, active = self._membership.workers, self._clients.active + newcomers
        return client_credits(self._settings.queue_limit, workers, self._membership.in_flight, active)

    # ---- life and death -----------------------------------------------------------------------------------------

    def _drop(self, peer: Peer, reason: str, now: float, effects: Effects) -> None:
        effects.append(Close(peer, reason))
        self._gone(peer, reason, now, effects)

    def _fail_all(self, now: float, effects: Effects) -> None:
        reason = "the cluster shut down before it finished"
        for task in self._queue.waiting():
            self._settle(task, Status.LOST, Entered.NO, now, effects, Detail(reason))
        for member in self._membership.all():
            for task in list(member.tasks.values()):
                self._membership.release(member, task)
                effects.append(Send(member.peer, Cancel(task.id)))
                status = Status.CANCELLED if task.state == TaskState.CANCELLING else Status.LOST
                self._settle(task, status, Entered.UNKNOWN, now, effects, Detail(reason, member.name))

    def _depart(self, now: float, effects: Effects) -> None:
        if self._departure.tell(now):
            effects += [Send(client.peer, Drain()) for client in self._clients.all()]
        if self._departure.leave(len(self._clients), now):
            effects += [*(Close(peer, "the cluster is shutting down") for peer in self._liveness.peers()), Stop()]

    def snapshot(self, now: float) -> ClusterSnapshot:
        """The numbers of this moment."""
        counters, decisions, draining = self._ledger.counters(), self._journal.decisions, self._departure.begun
        return cluster_snapshot(
            self._settings, self._queue, self._membership, len(self._clients), counters, decisions, draining, now
        )

    def _explained(self, m: ExplainRequest, now: float) -> Explanation:
        client = self._clients.get(m.session)
        task = client.tasks.get(m.sequence) if client is not None else None
        if task is None:
            task = self._journal.task(m.session, m.sequence)
        return explanation(m, task, self._journal.rejections(m.session, m.sequence), self._queue, now)

    def check(self) -> None:
        """Asserts the invariants. Called after every step in tests, never in production."""
        check_cluster(self._settings, self._queue, self._membership, self._clients, self._ledger, self._journal)
