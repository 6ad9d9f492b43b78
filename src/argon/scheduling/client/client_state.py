"""The state machine of a client: what may be sent now, what waits its turn here, and what each task's answer is.

In: tasks from callers, messages from the cluster, and the time. Out: effects, in order: messages to send and callers to
answer. It must never do I/O, read a clock, or look into a payload.

A task waits here while the cluster's credits are used up; that is where the backlog of a million-item map belongs. A
rejected task returns to its place in the backlog, which is blocked until an answer has left room or a pause with full
jitter is over (``send_window.py``). A task sent on a lost connection is Lost, unless it may run twice. The states of a
task are in ``client_task.py``.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from argon.errors import RejectReason
from argon.protocol.ids import ClientTaskId, PeerId
from argon.protocol.messages import (
    Answer,
    Cancel,
    Drain,
    Entered,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Payload,
    Reject,
    Status,
    StillRunning,
    Welcome,
    payload_bytes,
)
from argon.scheduling.client.backlog import Backlog
from argon.scheduling.client.client_task import ClientTask, ClientTaskState, waits_for_answer
from argon.scheduling.client.credits import Credits
from argon.scheduling.client.local_answers import known_of_one_try, lost, no_connection, rejected
from argon.scheduling.client.local_retry_pacing import LocalRetryPacing, connection_retry_after_s
from argon.scheduling.client.send_window import BACKOFF_MIN_S, SendWindow, backoff_s
from argon.scheduling.deadlines import Deadlines
from argon.scheduling.effects import CancelTooLate, ClientEffect, Close, Send, Settle
from argon.scheduling.liveness import Liveness
from argon.scheduling.task_options import TaskOptions
from argon.settings import AS_THE_CLUSTER_SAYS, MAX_PAYLOAD_BYTES, PeerLiveness

if TYPE_CHECKING:
    from collections.abc import Container
    from random import Random

_ANSWER_GRACE_S: Final = 1.0


class ClientState:
    """Decides for a client. One call for each thing that happens; each returns the effects to perform, in order.

    ``liveness`` is for the shell, which says when the cluster's silence means nothing.
    """

    def __init__(self, rng: Random, wanted_liveness: PeerLiveness = AS_THE_CLUSTER_SAYS) -> None:
        self._rng = rng
        self._wanted_liveness = wanted_liveness
        self._cluster: PeerId | None = None
        self._credits = Credits(0)
        self._drained = False
        self._may_send = False
        self._last_task_id = 0
        self._tasks: dict[ClientTaskId, ClientTask] = {}
        self._backlog = Backlog()
        self._deadlines: Deadlines[ClientTask] = Deadlines(waits_for_answer)
        self._send_window = SendWindow()
        self._blocked_by = RejectReason.QUEUE_FULL
        self._blocked_for_s = 0.0
        self._limited_retries = 0
        self._local_retry_pacing = LocalRetryPacing()
        self.liveness = Liveness()
        self.max_payload_bytes = MAX_PAYLOAD_BYTES

    # ---- what happens -------------------------------------------------------------------------------------------

    def connected(self, peer: PeerId, welcome: Welcome, now: float, cut_off: bool = False) -> list[ClientEffect]:
        """The cluster has welcomed this client, and may have closed its end since (``cut_off``)."""
        self._cluster = peer
        self._credits = Credits(welcome.credits)
        self._drained = False
        self._may_send = not cut_off
        self._send_window.open()
        self.liveness = Liveness.of_cluster(welcome, self._wanted_liveness)
        self.liveness.join(peer, now)
        self.max_payload_bytes = welcome.max_payload_bytes
        effects: list[ClientEffect] = []
        self._send(now, effects)
        return effects

    def submit(
        self, kind: int, payload: Payload, options: TaskOptions, deadline: float, now: float
    ) -> tuple[ClientTaskId, list[ClientEffect]]:
        """A caller hands over a task.

        Args:
            deadline: the moment at which its timeout passes, infinity for none.

        Returns:
            Its id here, and the effects.
        """
        self._last_task_id += 1
        client_task_id = self._last_task_id
        if not self._tasks:  # nothing waits and nothing is outstanding: what was learned is old
            self._send_window.open()
        impatient = options.impatient()
        effects: list[ClientEffect] = []
        if payload_bytes(payload) > self.max_payload_bytes:
            why = f"its payload takes more than the {self.max_payload_bytes} bytes that the cluster allows"
            effects.append(Settle(client_task_id, rejected(client_task_id, RejectReason.TOO_LARGE, 0.0, why)))
        elif deadline <= now:
            effects.append(Settle(client_task_id, Outcome(client_task_id, Status.EXPIRED, Entered.NO)))
        elif impatient and not (self._may_send or self._drained):
            effects.append(Settle(client_task_id, no_connection(client_task_id, connection_retry_after_s(self._rng))))
        elif impatient and len(self._tasks) >= self._credits.allowed:
            why = f"this client has {len(self._tasks)} tasks without an answer, all that the cluster has room for"
            after_s = self._local_retry_pacing.retry_after_s(now, self._rng)
            self._local_retry_pacing.rejected(now)
            effects.append(Settle(client_task_id, rejected(client_task_id, RejectReason.QUEUE_FULL, after_s, why)))
        else:
            task = ClientTask(client_task_id, kind, payload, options, since=now, deadline=deadline)
            self._tasks[client_task_id] = task
            self._limited_retries += options.retries is not None
            if deadline != inf:
                self._deadlines.add(deadline, task)
            if impatient:  # it goes past a blocked backlog; there is a credit for it, and for each that waits
                self._credits.use_all()
                self._send(now, effects)
                self._transmit(task, now, effects)
            elif self._take_permission_as_new(task, now):
                self._transmit(task, now, effects)
            else:
                self._backlog.add(task)
                self._send(now, effects)
        return client_task_id, effects

    def cancel(self, client_task_id: ClientTaskId, queued_only: bool, now: float) -> list[ClientEffect]:
        """A caller no longer wants a task. With ``queued_only`` a task that a node has already goes on."""
        effects: list[ClientEffect] = []
        task = self._tasks.get(client_task_id)
        if task is None:
            return effects
        if task.state == ClientTaskState.WAITING:
            self._backlog.remove(task)
            self._settle(task, Outcome(client_task_id, Status.CANCELLED, Entered.NO), effects)
        elif task.state == ClientTaskState.SENT:
            if not queued_only:
                task.move(ClientTaskState.CANCEL_REQUESTED)
            task.cancel_if_queued = queued_only
            assert self._cluster is not None
            effects.append(Send(self._cluster, Cancel(client_task_id, queued_only)))
        return effects

    def received(self, peer: PeerId, messages: list[Message], now: float) -> list[ClientEffect]:
        """Messages have come from the cluster, all read at once."""
        effects: list[ClientEffect] = []
        if peer != self._cluster:
            return effects
        self.liveness.heard(peer, now)
        answers = 0
        for message in messages:
            match message:
                case Outcome():
                    answers += 1
                    self._answered(message, effects)
                case Reject():
                    answers += 1
                    self._rejected(message, now, effects)
                case StillRunning():
                    self._cancel_too_late(message.id, effects)
                case Heartbeat(unheard=True) if self.liveness.is_steady(now):
                    effects.append(Close(peer, "what this client sends does not reach the cluster"))
                case Heartbeat(credits=credits):
                    self._credits_offered(credits)
                case Drain():
                    self._drained, self._may_send = True, False
                    effects.append(Close(peer, "the cluster is leaving"))
                case Goodbye():
                    effects.append(Close(peer, message.reason))
                case _:
                    effects.append(Close(peer, f"a cluster may not send {type(message).__name__} to a client"))
        if answers:
            self._local_retry_pacing.answered(answers, self._credits.outstanding, now)
        self._send(now, effects)
        self._credits.end_event()
        return effects

    def cut_off(self, peer: PeerId) -> None:
        """The cluster's end is closed. What it has said may still come; nothing more is sent until it is connected."""
        if peer == self._cluster:
            self._may_send = False

    def lost(self, peer: PeerId, now: float, unread: Container[ClientTaskId] = ()) -> list[ClientEffect]:
        """The connection is gone; what was sent on it is lost, or waits to be sent again if it may run twice.

        A cluster that has sent Drain had answered all that it had read, so of what has no answer it has read nothing.

        Args:
            unread: tasks of which the cluster has certainly not read everything. They are sent again.
        """
        effects: list[ClientEffect] = []
        if peer != self._cluster:
            return effects
        self._cluster = None
        self._may_send = False
        self._credits = Credits(0)
        self._send_window.open()
        self.liveness.leave(peer)
        for task in [task for task in self._tasks.values() if task.state != ClientTaskState.WAITING]:
            client_task_id = task.client_task_id
            not_run = self._drained or client_task_id in unread
            if task.state == ClientTaskState.ABANDONED:
                self._drop(task)
            elif task.state == ClientTaskState.CANCEL_REQUESTED or (not_run and task.cancel_if_queued):
                entered = Entered.NO if not_run else Entered.UNKNOWN
                self._settle(task, Outcome(client_task_id, Status.CANCELLED, entered), effects)
            elif self._drained:
                draining = Reject(client_task_id, RejectReason.DRAINING, BACKOFF_MIN_S)
                self._retry_rejected(task, draining, now, effects)
            elif not_run and task.options.impatient():
                self._settle(task, no_connection(client_task_id, connection_retry_after_s(self._rng)), effects)
            elif not_run:
                self._wait_again(task)
            elif task.options.idempotent:
                task.may_have_run = True
                self._wait_again(task)
            else:
                self._settle(
                    task, lost(client_task_id, Entered.UNKNOWN, "the connection to the cluster was lost"), effects
                )
        return effects

    def close(self, reason: str = "the client was closed") -> list[ClientEffect]:
        """The client ends: every task still without an answer gets one now."""
        effects: list[ClientEffect] = []
        for task in [task for task in self._tasks.values() if waits_for_answer(task)]:
            if task.state == ClientTaskState.WAITING:
                self._backlog.remove(task)
            entered = Entered.UNKNOWN if task.is_sent() else Entered.NO
            self._settle(task, lost(task.client_task_id, entered, reason), effects)
        self._tasks.clear()
        self._credits.outstanding = 0
        return effects

    def tick(self, now: float) -> list[ClientEffect]:
        """Time has passed."""
        effects: list[ClientEffect] = []
        for task in self._deadlines.due(now):
            self._overdue(task, now, effects)
        alive, silent = self.liveness.beat(now)
        effects += [Send(peer, Heartbeat()) for peer in alive]
        effects += [
            Close(peer, f"nothing was heard from the cluster for {self.liveness.dead_after_s:g} s") for peer in silent
        ]
        self._send(now, effects)
        return effects

    # ---- questions ----------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(self.liveness.next_deadline(), self._deadlines.next_moment())
        if len(self._backlog) and self._may_have_more():
            moment = min(moment, self._send_window.next_deadline())
        return None if moment == inf else moment

    def window(self, options: TaskOptions) -> int:
        """How many tasks are worth having under way at once: what the cluster allows, and as many again on the way,
        unless those would be rejected."""
        allowed = self._credits.allowed
        return max(1, allowed) if options.impatient() else max(2, 2 * allowed)

    def is_sent(self, client_task_id: ClientTaskId) -> bool:
        """Whether the cluster has this task."""
        task = self._tasks.get(client_task_id)
        return task is not None and task.is_sent()

    # ---- sending ------------------------------------------------------------------------------------------------

    def _may_have_more(self) -> bool:
        """Whether the cluster allows one task more."""
        return self._credits.allow_one() and self._may_send

    def _take_permission(self, priority: int, now: float) -> bool:
        """Takes permission to send one task of this priority; False to let it wait.

        Credits first, then the send window: it is open, the task is more urgent than all that was rejected, an answer
        left room, or a retry probe is due.
        """
        window = self._send_window
        if not self._may_have_more():
            return False
        if window.lets_pass(priority):
            return True
        window.open_if_silent(now)
        outstanding = self._credits.outstanding
        return window.may_send(outstanding) or window.take_probe(outstanding, now)

    def _take_permission_as_new(self, task: ClientTask, now: float) -> bool:
        """Takes permission to send a task that has just come, where it would be the next of all that wait."""
        priority = task.options.priority
        if not len(self._backlog) or priority < self._backlog.most_urgent():
            return self._take_permission(priority, now)
        return (
            task.deadline != inf
            and self._may_have_more()
            and self._backlog.is_newest_first(priority, now)
            and self._send_window.take_try(now)
        )

    def _send(self, now: float, effects: list[ClientEffect]) -> None:
        """Sends what waits, in its order, as far as credits and the send window allow."""
        while len(self._backlog):
            urgent = self._backlog.most_urgent()
            passes = self._send_window.lets_pass(urgent)
            if not self._take_permission(urgent, now):
                return
            task = self._backlog.take(now, 0 if passes else self._credits.allowed)
            if now < task.deadline:
                self._transmit(task, now, effects)
            else:
                self._expire_unsent(task, effects)

    def _transmit(self, task: ClientTask, now: float, effects: list[ClientEffect]) -> None:
        assert self._cluster is not None
        task.move(ClientTaskState.SENT)
        self._credits.outstanding += 1
        effects.append(Send(self._cluster, task.as_submit(now)))

    # ---- messages from the cluster ------------------------------------------------------------------------------

    def _cancel_too_late(self, client_task_id: ClientTaskId, effects: list[ClientEffect]) -> None:
        task = self._tasks.get(client_task_id)
        if task is not None and task.is_sent():
            task.cancel_if_queued = False
            effects.append(CancelTooLate(client_task_id))

    def _credits_offered(self, credits: int) -> None:
        if credits:
            self._credits.renew(credits)
            self._send_window.credit_offered(self._credits.outstanding)

    def _answered(self, m: Outcome, effects: list[ClientEffect]) -> None:
        task = self._take_answer(m.id, m.credits)
        if task is not None:
            self._send_window.answered(m.credits)
            self._settle(task, m, effects)

    def _rejected(self, m: Reject, now: float, effects: list[ClientEffect]) -> None:
        task = self._take_answer(m.id, m.credits)
        if task is None:
            return
        if task.state == ClientTaskState.CANCEL_REQUESTED or task.cancel_if_queued:
            self._settle(task, Outcome(task.client_task_id, Status.CANCELLED, Entered.NO), effects)
        elif m.reason is RejectReason.TOO_LARGE:
            self._settle(task, m, effects)
        else:
            self._retry_rejected(task, m, now, effects)

    def _take_answer(self, client_task_id: ClientTaskId, credits: int) -> ClientTask | None:
        """Takes note of an answer; returns its task, which is outstanding no more, if somebody waits for it."""
        self._credits.renew(credits)
        task = self._tasks.get(client_task_id)
        if task is None or task.state == ClientTaskState.WAITING:
            return None
        self._credits.outstanding -= 1
        if task.state == ClientTaskState.ABANDONED:
            self._drop(task)
            return None
        return task

    def _retry_rejected(self, task: ClientTask, m: Reject, now: float, effects: list[ClientEffect]) -> None:
        """Blocks the backlog, and puts a rejected task back unless it has no retry or no time left."""
        task.rejections += 1
        retries = task.options.retries
        again_at = now + m.retry_after_s + backoff_s(task.rejections, self._rng)
        final = (retries is not None and task.rejections > retries) or again_at >= task.deadline
        if m.reason is not RejectReason.DEADLINE or not final:  # what is too late for this task may do for the next
            self._blocked_by, self._blocked_for_s = m.reason, m.retry_after_s
            was_probe = self._send_window.rejected(self._credits.outstanding, again_at, task.options.priority)
            if was_probe and self._limited_retries:
                self._count_for_all(effects)
        if final:
            self._settle(task, m, effects)
        else:
            self._wait_again(task)

    def _count_for_all(self, effects: list[ClientEffect]) -> None:
        """A retry probe was rejected, and it was sent for all that wait: so it was one of their tries as well."""
        for task in list(self._tasks.values()):
            retries = task.options.retries
            if task.state != ClientTaskState.WAITING or retries is None:
                continue
            task.rejections += 1
            if task.rejections > retries:
                self._backlog.remove(task)
                self._reject_blocked(task, effects)

    def _wait_again(self, task: ClientTask) -> None:
        task.move(ClientTaskState.WAITING)
        self._backlog.put_back(task)

    # ---- outcomes -----------------------------------------------------------------------------------------------

    def _overdue(self, task: ClientTask, now: float, effects: list[ClientEffect]) -> None:
        """The cluster answers a task that it has by itself; only if it does not, this side does."""
        if task.state == ClientTaskState.WAITING:
            self._backlog.remove(task)
            self._expire_unsent(task, effects)
        elif now < task.deadline + _ANSWER_GRACE_S:
            self._deadlines.add(task.deadline + _ANSWER_GRACE_S, task)
        else:  # it stays outstanding, as long as the cluster may have it
            assert self._cluster is not None
            effects.append(Send(self._cluster, Cancel(task.client_task_id)))
            task.move(ClientTaskState.ABANDONED)
            self._answer_caller(task, Outcome(task.client_task_id, Status.EXPIRED, Entered.UNKNOWN), effects)

    def _expire_unsent(self, task: ClientTask, effects: list[ClientEffect]) -> None:
        """Ends a task that has left the backlog since its deadline has passed."""
        if self._send_window.is_blocked():
            self._reject_blocked(task, effects)
        else:
            self._settle(task, Outcome(task.client_task_id, Status.EXPIRED, Entered.NO), effects)

    def _reject_blocked(self, task: ClientTask, effects: list[ClientEffect]) -> None:
        """Ends a task that has left the backlog with the rejection that blocks it."""
        self._settle(task, rejected(task.client_task_id, self._blocked_by, self._blocked_for_s), effects)

    def _settle(self, task: ClientTask, answer: Answer, effects: list[ClientEffect]) -> None:
        """Ends a task that has left the backlog, or is outstanding no more."""
        self._drop(task)
        self._answer_caller(task, answer, effects)

    def _drop(self, task: ClientTask) -> None:
        task.move(ClientTaskState.SETTLED)
        del self._tasks[task.client_task_id]

    def _answer_caller(self, task: ClientTask, answer: Answer, effects: list[ClientEffect]) -> None:
        self._limited_retries -= task.options.retries is not None
        task.payload = b""  # its tombstone may stay until its deadline
        effects.append(Settle(task.client_task_id, known_of_one_try(answer) if task.may_have_run else answer))
