"""The state machine of the cluster: every message comes through here, and every effect leaves from here.

In: what peers send and when, and that they come and go. Out: effects, in order. A task is in one of the parts, on one
node, or gone. It is decided here whether a task that its node did not finish is assigned again (``_requeue``); all
else is asked of a part. It must never do I/O, read a clock, look into a payload, or write into a message that has come.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

from argon.protocol.diagnosis import Diagnosis
from argon.protocol.handshake import Role
from argon.protocol.ids import PeerId
from argon.protocol.messages import (
    Announced,
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
    Status,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
    payload_bytes,
)
from argon.scheduling.cluster.admission import AdmissionControl
from argon.scheduling.cluster.answer_state import AnswerState
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.counters import TaskCounters
from argon.scheduling.cluster.decision_log import DecisionLog
from argon.scheduling.cluster.forecast import Rejection
from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.probation import Probation
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.route import Route
from argon.scheduling.cluster.router import Router, RoutingRule
from argon.scheduling.cluster.shutdown import Shutdown
from argon.scheduling.cluster.task import Task, TaskState, admitted_task
from argon.scheduling.effects import Close, ClusterEffect, DiscardPayload, Report, Send, Stop
from argon.scheduling.liveness import Liveness
from argon.settings import MAX_WORKERS, ClusterSettings

if TYPE_CHECKING:
    from random import Random

Effects: TypeAlias = list[ClusterEffect]
ATTEMPTS_MAX: Final = 3
RETURNS_MAX: Final = 1000  # a task that comes back not started is assigned so often at most
_REMAINING_MIN_S: Final = 1e-6  # since 0 means that there is no deadline
_OVERDUE: Final = Diagnosis("its deadline passed in the queue")
_TOO_LATE: Final = Diagnosis("its wait in the queue has left less time than it takes")


class ClusterState:
    """Decides for a cluster. One call for each thing that happens; each returns the effects to perform, in order.

    Attributes:
        settings, queue, membership, clients, counters, decision_log, shutdown: for ``reporting/``, which only reads.
        liveness: for the shell, which says whose silence means nothing.
    """

    def __init__(self, settings: ClusterSettings, rng: Random, rule: RoutingRule | None = None) -> None:
        self.settings = settings
        self.clients = Clients(settings.client_limit)
        self._newcomers: set[PeerId] = set()
        self.queue = TaskQueue(settings.age_step_s)
        self.membership = Membership()
        self._probation = Probation()
        self._router = Router(rule)
        self._fleet = self._router.fleet
        self.shutdown = Shutdown()
        self._admission = AdmissionControl(
            settings=settings,
            rng=rng,
            clients=self.clients,
            queue=self.queue,
            membership=self.membership,
            shutdown=self.shutdown,
            fleet=self._fleet,
        )
        self.counters = TaskCounters()
        self.decision_log = DecisionLog()
        self._answers = AnswerState(self.queue, self.clients, self.counters, self.decision_log)
        self.liveness = Liveness(settings.heartbeat_s, settings.dead_after_s)

    # ---- what happens -------------------------------------------------------------------------------------------

    def connected(self, peer: PeerId, role: Role, now: float) -> Effects:
        """A peer has proved the token."""
        self.liveness.join(peer, now)
        if role is Role.CLIENT:
            credits = self.clients.add(peer, self._shared_budget(now))
        else:
            credits = 0
            self._newcomers.add(peer)
        s = self.settings
        welcome = Send(peer, Welcome(peer, credits, s.max_payload_bytes, s.heartbeat_s, s.dead_after_s))
        return [welcome, Send(peer, Drain())] if self.shutdown.clients_told and role is Role.CLIENT else [welcome]

    def received(self, peer: PeerId, messages: list[Message], now: float) -> Effects:
        """A peer has said these things, in this order, all read at once."""
        effects: Effects = []
        client = self.clients.get(peer)
        if client is not None:
            self.liveness.heard(peer, now)
            for message in messages:
                if not self._from_client(client, message, now, effects):
                    break  # it was closed
        elif self._is_node(peer):
            self.liveness.heard(peer, now)
            node = self.membership.get(peer)
            for message in messages:
                if not self._from_node(peer, node, message, now, effects):
                    break  # it was closed
                if node is None:
                    node = self.membership.get(peer)  # it has registered
            self._learn(peer, now)
        return self._finish(now, effects)

    def lost(self, peer: PeerId, now: float) -> Effects:
        """A peer is gone; nothing can be said to it any more."""
        effects: Effects = []
        self._gone(peer, "the connection to its node was lost", now, effects)
        return self._finish(now, effects)

    def _gone(self, peer: PeerId, reason: str, now: float, effects: Effects) -> None:
        self.liveness.leave(peer)
        client = self.clients.get(peer)
        if client is not None:
            self._client_gone(client, effects)
        self._newcomers.discard(peer)
        node = self.membership.get(peer)
        if node is not None:
            self._node_gone(node, reason, now, effects)

    def stands(self, peer: PeerId, at: float, now: float) -> Effects:
        """The connection of a client stood at this moment, though it is silent: it keeps its tasks, but no place for a
        payload that has stopped coming. It is told, since what it sends may be swallowed on the way."""
        effects: Effects = [Send(peer, Heartbeat(unheard=True))] if at == now else []
        self.liveness.stands(peer, at)
        client = self.clients.get(peer)
        if client is not None and (announced := client.announced) is not None:
            self.clients.end_announcement(client)
            self._answers.reject(client, self._admission.stalled(client, announced), effects)
            effects.append(DiscardPayload(peer))
        return self._finish(now, effects)

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        effects: Effects = []
        for task in self.queue.expire(now):
            self._answers.end_queued(task, Status.EXPIRED, _OVERDUE, now, effects)
        alive, silent = self.liveness.beat(now)
        if alive:
            budget = self._shared_budget(now)
            effects += [Send(peer, Heartbeat(self.clients.offer(peer, budget))) for peer in alive]
        for peer in silent:
            self._drop(peer, f"nothing was heard for {self.settings.dead_after_s:g} s", now, effects)
        if now >= self.shutdown.next_deadline():
            self._fail_all(now, effects)
        return self._finish(now, effects)

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(self.queue.next_deadline(), self.liveness.next_deadline())
        moment = min(moment, min(self.shutdown.next_deadline(), self._probation.next_deadline()))
        return None if moment == inf else moment

    def drain(self, now: float, timeout_s: float) -> Effects:
        """Admit nothing more; finish what is here within ``timeout_s``, fail the rest, then stop."""
        self.shutdown.begin(now + timeout_s)
        effects: Effects = []
        if timeout_s <= 0:
            self._fail_all(now, effects)
        return self._finish(now, effects)

    # ---- clients ------------------------------------------------------------------------------------------------

    def _from_client(self, client: ClientSession, m: Message, now: float, effects: Effects) -> bool:
        """Returns whether it may say more."""
        match m:
            case Submit() if m.id not in client.tasks:
                self._submit(client, m, now, effects)
                return True
            case Submit():
                self._drop(client.peer, f"task id {m.id} is already in use", now, effects)
            case Announced():
                self._announce(client, m, now, effects)
            case Oversized():
                self._answers.reject(client, self._admission.oversized(client, m), effects)
            case Cancel():
                self._cancel_asked(client, m, now, effects)
            case StatusRequest() | ExplainRequest():
                effects.append(Report(client.peer, m))
            case Heartbeat():
                pass
            case Goodbye():
                self._drop(client.peer, "goodbye", now, effects)
            case _:
                self._drop(client.peer, f"a client may not send {type(m).__name__}", now, effects)
        return self.clients.get(client.peer) is client

    def _submit(self, client: ClientSession, m: Submit, now: float, effects: Effects) -> None:
        size = payload_bytes(m.payload)
        was_announced = client.announced is not None and client.announced.submit.id == m.id
        if was_announced:
            self.clients.end_announcement(client)
        # It was admitted then; but a client that was told of the drain may take it for one that was never read.
        admitted = was_announced and not self.shutdown.clients_told
        route = None if len(self.queue) or self.shutdown.draining else self._router.choose(m.kind, m.key)
        free, forecast = route is not None, None
        if admitted:
            forecast = None if free else self._admission.forecast(client, m, size, free)
        elif not free or client.outstanding() >= client.allowance or m.timeout_s:
            # Nothing can reject one that a node takes at once, without a timeout and within its client's allowance.
            decided = self._admission.decide(client, m, size, free, now)
            if isinstance(decided, Rejection):
                self._answers.reject(client, decided, effects)
                return
            forecast = decided
        self.counters.accepted += 1
        task = admitted_task(self.counters.accepted, client.peer, m, size, now)
        self.clients.begin(client, task)
        if route is not None:
            self._assign(task, route, now, effects)
        else:
            assert forecast is not None
            task.history.forecast = forecast
            task.predicted_s = forecast.run_s
            self.queue.push(task)

    def _announce(self, client: ClientSession, m: Announced, now: float, effects: Effects) -> None:
        decided = self._admission.decide(client, m.submit, m.size_bytes, False, now)
        if isinstance(decided, Rejection):
            self._answers.reject(client, decided, effects)
            effects.append(DiscardPayload(client.peer))
        else:
            self.clients.announce(client, m)

    def _cancel_asked(self, client: ClientSession, m: Cancel, now: float, effects: Effects) -> None:
        if (task := client.tasks.get(m.id)) is None or task.state == TaskState.CANCELLING:
            return
        if task.state == TaskState.QUEUED:
            self._answers.end_queued(task, Status.CANCELLED, Diagnosis(), now, effects)
        elif m.queued_only:
            effects.append(Send(client.peer, StillRunning(m.id)))
        else:
            self._cancel_running(task, effects)

    def _cancel_running(self, task: Task, effects: Effects) -> None:
        task.move(TaskState.CANCELLING)
        effects.append(Send(task.node, Cancel(task.id)))

    def _client_gone(self, client: ClientSession, effects: Effects) -> None:
        self.clients.remove(client)
        for task in client.tasks.values():
            self.decision_log.leave(task)
            if task.state == TaskState.QUEUED:
                self._answers.end_unanswered(task)
                continue
            if task.state == TaskState.ASSIGNED:
                self._cancel_running(task, effects)
            task.client = None
        self.queue.forget_client(client.peer)

    # ---- nodes --------------------------------------------------------------------------------------------------

    def _is_node(self, peer: PeerId) -> bool:
        return peer in self._newcomers or self.membership.get(peer) is not None

    def _from_node(self, peer: PeerId, node: NodeSession | None, m: Message, now: float, effects: Effects) -> bool:
        """Returns whether it may say more; it is no node as long as it has not registered."""
        match m:
            case Outcome() if node is not None:
                self._outcome(node, m, now, effects)
                return True
            case Register() if node is None:
                self._register(peer, m, now, effects)
            case Heartbeat():
                pass
            case Capacity() if node is not None and 0 <= m.workers <= MAX_WORKERS and 0.0 <= m.pressure <= 1.0:
                self.membership.set_workers(node, m.workers)
                node.pressure = m.pressure
            case Drain() if node is not None:
                self.membership.drain(node)
                effects.append(Send(peer, Drain()))
            case Goodbye():
                self._drop(peer, "goodbye", now, effects)
            case _:
                self._drop(peer, f"a node may not send {type(m).__name__} now", now, effects)
        return self._is_node(peer)

    def _register(self, peer: PeerId, m: Register, now: float, effects: Effects) -> None:
        if objection := self.membership.objection(m.name, m.incarnation):
            self._drop(peer, objection, now, effects)
            return
        if (old := self.membership.named(m.name)) is not None:
            self._drop(old.peer, "this node has registered again on a newer connection", now, effects)
        self._newcomers.discard(peer)
        self.membership.add(NodeSession(peer, m.name, m.incarnation))

    def _learn(self, peer: PeerId, now: float) -> None:
        """Takes in what the tasks took that a node has ended, once for all that was read from it together."""
        node = self.membership.get(peer)
        if node is not None:
            learned = node.times.learn(self._fleet, now)
            if learned and self._probation.evaluate(node, self.membership.trusted, now):
                self.membership.recount(node)
            self._router.update(node)

    def _outcome(self, node: NodeSession, m: Outcome, now: float, effects: Effects) -> None:
        task = node.tasks.get(m.id)
        if task is None or task.attempt != m.attempt:
            self.counters.stale_answers += 1
            return
        status = m.status
        self.membership.release(node, task, given_back=status == Status.LOST)
        self._probation.cool_down(node, now)
        if status == Status.LOST and task.state == TaskState.ASSIGNED and self._requeue(task, m.entered, now):
            return
        if status == Status.COMPLETED:
            node.note_run(task, m.run_s, self._fleet, now)
        elif status == Status.EXPIRED and m.run_s:
            node.times.note_killed(task.kind, m.run_s, self._fleet, now)
        if task.client is not None:
            self.queue.charge(task.client, task.priority, m.run_s - task.charged_s)
        if task.state == TaskState.CANCELLING and (
            status > Status.FAILED or (status == Status.FAILED and m.failure_kind == FailureKind.WORKER_DIED)
        ):
            status = Status.CANCELLED
        answer = Outcome(
            task.client_task_id,
            status,
            m.entered,
            task.attempt,
            m.run_s,
            failure_kind=m.failure_kind,
            payload=m.payload,
        )
        self._answers.end(task, answer, now, effects)

    def _node_gone(self, node: NodeSession, reason: str, now: float, effects: Effects) -> None:
        self.membership.remove(node)
        self._probation.forget(node)
        self._router.remove(node)
        for task in list(node.tasks.values()):
            if task.state == TaskState.CANCELLING or not self._requeue(task, Entered.UNKNOWN, now):
                self._answers.end_lost(task, Diagnosis(reason, node.name), now, effects)
        node.tasks.clear()

    def _requeue(self, task: Task, entered: int, now: float) -> bool:
        """Puts a task that a node did not finish back into the queue, if it may be repeated; returns whether it may."""
        not_started = entered == Entered.NO
        task.losses += 0 if not_started else 1
        repeatable = task.idempotent and task.losses < ATTEMPTS_MAX and not self.shutdown.done
        if not (task.attempt < RETURNS_MAX if not_started else repeatable):
            return False
        self.counters.requeued += 1
        self.decision_log.give_back(
            task, "it had not started there" if not_started else "its node was lost, or its drain ran out of time"
        )
        task.move(TaskState.QUEUED)
        task.queued_at = now
        task.predicted_s = self._admission.expected_s(task.kind)
        self.queue.push_returned(task)
        return True

    # ---- routing and answering ----------------------------------------------------------------------------------

    def _finish(self, now: float, effects: Effects) -> Effects:
        """Ends every event: tasks go to the workers that are free now, and only then answers get their credits."""
        for node in self._probation.end_cool_downs(self.membership.trusted, self.membership.workers, now):
            self.membership.recount(node)
            self._router.update(node)
        self._route(now, effects)
        if not self._answers.is_empty():
            self._answers.add_credits(self._shared_budget(now))
        peer = self._admission.pop_client_to_offer()
        if peer is not None:
            effects.append(Send(peer, Heartbeat(self.clients.offer(peer, self._admission.budget()))))
        if self.shutdown.draining and not len(self.queue) and not self.membership.in_flight:
            self._shut_down(now, effects)
        return effects

    def _shared_budget(self, now: float) -> int:
        budget = self._admission.budget()
        self.clients.share(budget, now)
        return budget

    def _route(self, now: float, effects: Effects) -> None:
        while (task := self.queue.peek(now)) is not None:
            left_s = task.deadline - now
            route = self._router.choose(task.kind, task.key)
            if route is None and left_s > 0.0:
                return
            too_long = left_s != inf and self._fleet.too_long(task.kind, left_s)
            if route is None or left_s <= 0.0 or (too_long and not self._fleet.admit_trial(task.kind, now)):
                self._answers.end_queued(task, Status.EXPIRED, _TOO_LATE if left_s > 0.0 else _OVERDUE, now, effects)
                continue
            self._assign(self.queue.pop(now), route, now, effects)

    def _assign(self, task: Task, route: Route, now: float, effects: Effects) -> None:
        node = route.node
        task.move(TaskState.ASSIGNED)
        task.attempt += 1
        task.node = node.peer
        task.assigned_at = now
        task.wait_s += now - task.queued_at
        known_s = node.times.known_s(task.kind, self._fleet)
        self.decision_log.assign(task, route, known_s)
        self.membership.assign(node, task, known_s)
        self._router.update(node)
        remaining_s = 0.0 if task.deadline == inf else max(_REMAINING_MIN_S, task.deadline - now)
        assign = Assign(task.id, task.attempt, task.priority, remaining_s, task.kind, task.payload)
        effects.append(Send(node.peer, assign))

    # ---- life and death -----------------------------------------------------------------------------------------

    def _drop(self, peer: PeerId, reason: str, now: float, effects: Effects) -> None:
        effects.append(Close(peer, reason))
        self._gone(peer, reason, now, effects)

    def _fail_all(self, now: float, effects: Effects) -> None:
        reason = "the cluster shut down before it finished"
        for task in self.queue.waiting():
            self._answers.end_queued(task, Status.LOST, Diagnosis(reason), now, effects)
        for node in self.membership.all():
            for task in list(node.tasks.values()):
                self.membership.release(node, task)
                effects.append(Send(node.peer, Cancel(task.id)))
                self._answers.end_lost(task, Diagnosis(reason, node.name), now, effects)

    def _shut_down(self, now: float, effects: Effects) -> None:
        if self.shutdown.tell_clients(now):
            effects += [Send(client.peer, Drain()) for client in self.clients.all()]
        if self.shutdown.finish(len(self.clients), now):
            effects += [*(Close(peer, "the cluster is shutting down") for peer in self.liveness.peers()), Stop()]
