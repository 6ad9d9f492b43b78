"""The corridor of a client: what may be sent now, what waits its turn here, and what each task's answer is.

In: tasks from callers, what the cluster says, and when. Out: effects, in order: messages to send and callers to
answer. It must never do I/O, read a clock, or look into a payload.

A task waits here while the cluster's credits are used up; that is where the backlog of a million-item map belongs.
Where nothing is outstanding, credits are old news, and others may have come meanwhile: so a client begins with a few
tasks, and the first answer or heartbeat tells what it may have now. A rejected task returns to its place in the line,
and the line stands until an answer has left room or a pause with full jitter is over (``restraint.py``). A task sent on
a lost connection is Lost, unless it may run twice.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Final

from argon.errors import RejectReason
from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.ids import PeerId
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
    Submit,
    Welcome,
    payload_bytes,
)
from argon.scheduling.client.backlog import Backlog
from argon.scheduling.client.client_task import ClientTask
from argon.scheduling.client.reply_rate import AnswerPace
from argon.scheduling.client.send_window import Restraint
from argon.scheduling.effects import ClientEffect, Close, Refused, Send, Settle
from argon.scheduling.liveness import Liveness
from argon.scheduling.task_options import TaskOptions
from argon.settings import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from random import Random

PROBE_TASKS: Final = 16
_BACKOFF_MIN_S: Final = 0.02
_BACKOFF_MAX_S: Final = 1.0
_NO_CONNECTION_RETRY_S: Final = 0.5
_ANSWER_GRACE_S: Final = 1.0


class ClientState:
    """Decides for a client. One call for each thing that happens; each returns the effects to perform, in order."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._cluster: PeerId | None = None
        self._credits = 0
        self._outstanding = 0
        self._probing = True
        self._drained = False
        self._sequence = 0
        self._tasks: dict[int, ClientTask] = {}
        self._backlog = Backlog()
        self._deadlines: list[tuple[float, int, ClientTask]] = []
        self._restraint = Restraint()
        self._refusal = RejectReason.QUEUE_FULL
        self._refusal_after_s = 0.0
        self._counting = 0
        self._pace = AnswerPace()
        self._abandoned: set[int] = set()
        self._liveness = Liveness()
        self.max_payload_bytes = MAX_PAYLOAD_BYTES

    # ---- what happens -------------------------------------------------------------------------------------------

    def connected(self, peer: PeerId, welcome: Welcome, now: float) -> list[ClientEffect]:
        """The cluster has welcomed this client."""
        self._cluster = peer
        self._credits = welcome.credits
        self._outstanding = 0
        self._probing = True
        self._drained = False
        self._restraint.forget()
        self._liveness = Liveness(welcome.heartbeat_s, welcome.dead_after_s)
        self._liveness.join(peer, now)
        self.max_payload_bytes = welcome.max_payload_bytes
        effects: list[ClientEffect] = []
        self._send(now, effects)
        return effects

    def submit(
        self, kind: int, payload: Payload, options: TaskOptions, deadline: float, now: float
    ) -> tuple[int, list[ClientEffect]]:
        """A caller hands over a task.

        Args:
            deadline: the moment at which its timeout passes, infinity for none.

        Returns:
            Its number here, and the effects.
        """
        self._sequence += 1
        task = ClientTask(self._sequence, kind, payload, options, now, deadline)
        if not self._tasks:
            self._restraint.forget()
        self._tasks[task.id] = task
        self._counting += options.retries is not None
        impatient = options.impatient()
        effects: list[ClientEffect] = []
        if payload_bytes(payload) > self.max_payload_bytes:
            why = f"its payload takes more than the {self.max_payload_bytes} bytes that the cluster allows"
            self._refuse(task, RejectReason.TOO_LARGE, 0.0, why, effects)
        elif deadline <= now:
            self._settle(task, Outcome(task.id, Status.EXPIRED, Entered.NO), effects)
        elif impatient and self._cluster is None:
            why = "there is no connection to the cluster at present"
            after_s = _NO_CONNECTION_RETRY_S * self._rng.uniform(0.5, 1.5)
            self._refuse(task, RejectReason.NO_NODES, after_s, why, effects)
        elif impatient and (unanswered := len(self._tasks) - 1 + len(self._abandoned)) >= self._credits:
            why = f"this client has {unanswered} tasks without an answer, all that the cluster has room for"
            self._refuse(task, RejectReason.QUEUE_FULL, self._pace.retry_after_s(now, self._rng), why, effects)
        else:
            if deadline != inf:
                self._note_deadline(deadline, task)
            if impatient:  # its caller wants to know now, and all that wait have room
                self._probing = False
                self._send(now, effects)
                self._transmit(task, now, effects)
            elif self._may_send_new(task, now):
                self._transmit(task, now, effects)
            else:
                self._backlog.add(task)
                self._send(now, effects)
        return task.id, effects

    def cancel(self, id_: int, queued_only: bool, now: float) -> list[ClientEffect]:
        """A caller no longer wants a task. With ``queued_only`` a task that a node has already goes on."""
        effects: list[ClientEffect] = []
        task = self._tasks.get(id_)
        if task is None or task.cancelled:
            return effects
        if task.sent:
            task.cancelled = not queued_only
            task.stop_queued = queued_only
            assert self._cluster is not None
            effects.append(Send(self._cluster, Cancel(id_, queued_only)))
        else:
            self._settle(task, Outcome(id_, Status.CANCELLED, Entered.NO), effects)
        return effects

    def received(self, peer: PeerId, messages: list[Message], now: float) -> list[ClientEffect]:
        """The cluster has said these things, all read at once."""
        effects: list[ClientEffect] = []
        if peer != self._cluster:
            return effects
        self._liveness.heard(peer, now)
        answers = 0
        for message in messages:
            if type(message) is Outcome or type(message) is Reject:
                answers += 1
                self._answered(message, now, effects)
                continue
            match message:
                case StillRunning():
                    running = self._tasks.get(message.id)
                    if running is not None:
                        running.stop_queued = False
                        effects.append(Refused(message.id))
                case Heartbeat():
                    if message.credits:
                        self._credits = message.credits
                        self._probing = False
                        self._restraint.invited(self._outstanding)
                case Drain():
                    self._drained = True
                    effects.append(Close(peer, "the cluster is leaving"))
                case Goodbye():
                    effects.append(Close(peer, message.reason))
                case _:
                    effects.append(Close(peer, f"a cluster may not say {type(message).__name__} to a client"))
        if answers:
            self._pace.answered(answers, self._outstanding, now)
        self._send(now, effects)
        if not self._outstanding:
            self._probing = True
        return effects

    def lost(self, peer: PeerId, now: float) -> list[ClientEffect]:
        """The connection is gone; what was sent on it is lost, or waits to be sent again if it may run twice.

        A cluster that has said Drain had answered all that it had read, so of what has no answer it has read nothing.
        """
        effects: list[ClientEffect] = []
        if peer != self._cluster:
            return effects
        self._cluster = None
        self._credits = 0
        self._outstanding = 0
        self._abandoned.clear()
        self._restraint.forget()
        self._liveness.leave(peer)
        for task in [task for task in self._tasks.values() if task.sent]:
            task.sent = False
            if task.cancelled or (self._drained and task.stop_queued):
                entered = Entered.NO if self._drained else Entered.UNKNOWN
                self._settle(task, Outcome(task.id, Status.CANCELLED, entered), effects)
            elif self._drained:
                self._rejected(task, Reject(task.id, RejectReason.DRAINING, _BACKOFF_MIN_S), now, effects)
            elif task.options.idempotent:
                task.may_have_run = True
                self._backlog.put_back(task)
            else:
                self._lose(task, Entered.UNKNOWN, "the connection to the cluster was lost", effects)
        return effects

    def close(self) -> list[ClientEffect]:
        """The client ends: every task still without an answer gets one now."""
        effects: list[ClientEffect] = []
        for task in list(self._tasks.values()):
            self._lose(task, Entered.UNKNOWN if task.sent else Entered.NO, "the client was closed", effects)
        return effects

    def tick(self, now: float) -> list[ClientEffect]:
        """Time has passed."""
        effects: list[ClientEffect] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            task = heappop(self._deadlines)[2]
            if self._tasks.get(task.id) is task:
                self._overdue(task, now, effects)
        alive, silent = self._liveness.beat(now)
        effects += [Send(peer, Heartbeat()) for peer in alive]
        effects += [
            Close(peer, f"nothing was heard from the cluster for {self._liveness.dead_after_s:g} s") for peer in silent
        ]
        self._send(now, effects)
        return effects

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = self._liveness.next_deadline()
        if len(self._backlog) and self._within_credits():
            moment = min(moment, self._restraint.next_deadline())
        if self._deadlines:
            moment = min(moment, self._deadlines[0][0])
        return None if moment == inf else moment

    def window(self, options: TaskOptions) -> int:
        """How many tasks are worth having under way at once: what the cluster allows, and as many again on the way,
        unless those would be refused."""
        return max(1, self._credits) if options.impatient() else max(2, 2 * self._credits)

    def is_sent(self, id_: int) -> bool:
        """Whether the cluster has this task."""
        task = self._tasks.get(id_)
        return task is not None and task.sent

    # ---- sending ------------------------------------------------------------------------------------------------

    def _within_credits(self) -> bool:
        """Whether the cluster allows one task more."""
        limit = min(self._credits, PROBE_TASKS) if self._probing else self._credits
        return self._outstanding < limit and self._cluster is not None and not self._drained

    def _may_send(self, priority: int, now: float) -> bool:
        """Whether a task of this priority, which is the next, may be sent."""
        return self._within_credits() and (
            self._restraint.lets_pass(priority) or self._outstanding < self._restraint.limit(self._outstanding, now)
        )

    def _may_send_new(self, task: ClientTask, now: float) -> bool:
        """Whether a task that has just come may be sent, since it is the next."""
        priority = task.options.priority
        if not len(self._backlog) or priority < self._backlog.most_urgent():
            return self._may_send(priority, now)
        return (
            task.deadline != inf
            and self._within_credits()
            and self._backlog.is_newest_first(priority, now)
            and self._restraint.allows_try(now)
        )

    def _send(self, now: float, effects: list[ClientEffect]) -> None:
        while len(self._backlog):
            urgent = self._backlog.most_urgent()
            passes = self._restraint.lets_pass(urgent)
            if not self._may_send(urgent, now):
                return
            task = self._backlog.take(now, 0 if passes else self._credits)
            if now < task.deadline:
                self._transmit(task, now, effects)
            else:
                self._overdue(task, now, effects)

    def _transmit(self, task: ClientTask, now: float, effects: list[ClientEffect]) -> None:
        assert self._cluster is not None
        task.sent = True
        self._outstanding += 1
        options = task.options
        left_s = 0.0 if task.deadline == inf else task.deadline - now
        waited_s = now - task.since
        submit = Submit(
            task.id, options.priority, options.idempotent, left_s, task.kind, options.key, task.payload, waited_s
        )
        effects.append(Send(self._cluster, submit))

    def _answered(self, m: Answer, now: float, effects: list[ClientEffect]) -> None:
        self._credits = m.credits
        self._probing = False
        task = self._tasks.get(m.id)
        if task is None or not task.sent:
            if m.id in self._abandoned:
                self._abandoned.discard(m.id)
                self._outstanding -= 1
            return
        self._outstanding -= 1
        task.sent = False
        if type(m) is not Reject:
            self._restraint.answered(m.credits)
            self._settle(task, m, effects)
        elif task.cancelled or task.stop_queued:
            self._settle(task, Outcome(task.id, Status.CANCELLED, Entered.NO), effects)
        elif m.reason is RejectReason.TOO_LARGE:
            self._settle(task, m, effects)
        else:
            self._rejected(task, m, now, effects)

    def _rejected(self, task: ClientTask, m: Reject, now: float, effects: list[ClientEffect]) -> None:
        task.rejections += 1
        retries = task.options.retries
        jitter_s = self._rng.uniform(0.0, min(_BACKOFF_MAX_S, _BACKOFF_MIN_S * 2.0 ** min(task.rejections, 20)))
        again_at = now + m.retry_after_s + jitter_s
        final = (retries is not None and task.rejections > retries) or again_at >= task.deadline
        if m.reason is not RejectReason.DEADLINE or not final:  # what is too late for this task may do for the next
            self._refusal, self._refusal_after_s = m.reason, m.retry_after_s
            if self._restraint.rejected(self._outstanding, again_at, task.options.priority) and self._counting:
                self._count_for_all(effects)
        if final:
            self._settle(task, m, effects)
        else:
            self._backlog.put_back(task)

    def _count_for_all(self, effects: list[ClientEffect]) -> None:
        """A knock was rejected, and it was made for all that wait: so it was one of their tries as well."""
        for task in [task for task in self._tasks.values() if task.waits and task.options.retries is not None]:
            task.rejections += 1
            if task.options.retries is not None and task.rejections > task.options.retries:
                self._turn_away(task, effects)

    def _turn_away(self, task: ClientTask, effects: list[ClientEffect]) -> None:
        """Answers a task that waits with the rejection for which the line stands."""
        self._refuse(task, self._refusal, self._refusal_after_s, "", effects)

    # ---- answering ----------------------------------------------------------------------------------------------

    def _overdue(self, task: ClientTask, now: float, effects: list[ClientEffect]) -> None:
        """The cluster answers a task that it has by itself; only if it does not, this side does."""
        if not task.sent and self._restraint.holds():
            self._turn_away(task, effects)
        elif not task.sent:
            self._settle(task, Outcome(task.id, Status.EXPIRED, Entered.NO), effects)
        elif now < task.deadline + _ANSWER_GRACE_S:
            self._note_deadline(task.deadline + _ANSWER_GRACE_S, task)
        else:
            assert self._cluster is not None
            effects.append(Send(self._cluster, Cancel(task.id)))
            task.sent = False  # but it stays outstanding, as long as the cluster may have it
            self._abandoned.add(task.id)
            self._settle(task, Outcome(task.id, Status.EXPIRED, Entered.UNKNOWN), effects)

    def _note_deadline(self, moment: float, task: ClientTask) -> None:
        heappush(self._deadlines, (moment, task.id, task))
        if len(self._deadlines) > 2 * len(self._tasks) + 64:
            self._deadlines = [entry for entry in self._deadlines if self._tasks.get(entry[2].id) is entry[2]]
            heapify(self._deadlines)

    def _refuse(
        self, task: ClientTask, reason: RejectReason, after_s: float, why: str, effects: list[ClientEffect]
    ) -> None:
        self._settle(task, Reject(task.id, reason, after_s, why=why, local=True), effects)

    def _lose(self, task: ClientTask, entered: int, reason: str, effects: list[ClientEffect]) -> None:
        self._settle(task, Outcome(task.id, Status.LOST, entered, payload=encode_diagnosis(Diagnosis(reason))), effects)

    def _settle(self, task: ClientTask, answer: Answer, effects: list[ClientEffect]) -> None:
        del self._tasks[task.id]
        self._counting -= task.options.retries is not None
        task.payload = b""  # its husk may stay in a heap until its deadline
        if task.sent:
            self._outstanding -= 1
        if task.waits:
            self._backlog.remove(task)
        if task.may_have_run:
            answer = _of_one_that_may_have_run(answer)
        effects.append(Settle(task.id, answer))

    def check(self) -> None:
        """Asserts the invariants. Called after every step in tests, never in production."""
        sent = sum(task.sent for task in self._tasks.values())
        assert self._outstanding == sent + len(self._abandoned), "outstanding is off"
        assert self._cluster is not None or not self._outstanding, "something is outstanding on no connection"
        waiting = sum(task.waits for task in self._tasks.values())
        assert len(self._backlog) == waiting == len(self._tasks) - sent, "a task neither waits nor is sent, or both"


def _of_one_that_may_have_run(answer: Answer) -> Answer:
    """The answer to a task that was sent on a lost connection before: that one may have run, whatever this one did."""
    if type(answer) is Reject:
        reason = "the connection to the cluster was lost, and the task was not admitted again"
        return Outcome(answer.id, Status.LOST, payload=encode_diagnosis(Diagnosis(reason)))
    assert type(answer) is Outcome
    if answer.entered == Entered.NO:
        answer.entered = Entered.UNKNOWN
    return answer
