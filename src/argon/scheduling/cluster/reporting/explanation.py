"""What became of one task, for people: what ``argon explain`` shows. Built on request, and never read back by a state.

In: the records of the task, if any are left. Out: the same in words and numbers, complete, and readable as JSON. It
must never guess: what was not noted is None, and a task of which nothing is left is "unknown".
"""

from __future__ import annotations

from math import inf
from typing import Final

import msgspec

from argon.errors import MayHaveRun, RejectReason
from argon.protocol.messages import STATUS_NAMES, ExplainRequest
from argon.scheduling.cluster.admission import Rejection
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Admission, Attempt, Choice, Task, TaskState
from argon.settings import Priority

LISTED_MAX: Final = 4096
_HERE: Final = {TaskState.QUEUED: "queued", TaskState.ASSIGNED: "assigned", TaskState.CANCELLING: "cancelling"}
_CHOICES: Final = {
    Choice.FREE: "free worker",
    Choice.PREFETCHED: "prefetched",
    Choice.KEY: "node of its key",
    Choice.SPILLED: "node of its key had no room",
    Choice.FASTER: "done sooner there than on a free worker elsewhere",
}

_MAY_HAVE_RUN: Final = tuple(MayHaveRun)  # by the number of Entered


class ExplainedAdmission(msgspec.Struct):
    """What was ahead of it when it entered the queue; ``wait_s`` is what the queue was predicted to take, beside what
    was with the nodes already."""

    queue_length: int
    work_s: float
    in_flight: int
    workers: int
    wait_s: float | None


class ExplainedAttempt(msgspec.Struct):
    """Why it went to a node; ``next_node`` was the second best, ``end`` is why it came back, if it did."""

    node: str
    reason: str
    free_nodes: int
    predicted_run_s: float | None
    measured_there: bool
    predicted_wait_s: float
    next_node: str | None
    next_predicted_s: float | None
    end: str | None


class ExplainedRejection(msgspec.Struct):
    """Why it was not admitted, the last time, by the numbers of that moment. The wait is that for which it was refused:
    for ``work_s`` in the queue, and for what the nodes had. ``may_wait_s`` is the wait that was allowed then, None
    where it was not asked, or made no difference."""

    times: int
    reason: str
    retry_after_s: float
    size_bytes: int
    timeout_s: float | None
    predicted_run_s: float | None
    predicted_wait_s: float | None
    may_wait_s: float | None
    queue_length: int
    queue_bytes: int
    work_s: float
    workers: int
    nodes: int
    outstanding: int
    allowance: int


class Explanation(msgspec.Struct):
    """One task. ``state`` is unknown, queued, assigned, cancelling, or how it ended.

    ``waited_s`` and ``answered_after_s`` are None where its client was gone before. ``waited_in_client_s`` is what its
    client says of the time before it was submitted; ``turn_by_age`` is whether it left the queue though something more
    urgent waited. ``waiting_now`` counts, for a task
    that is queued, those that wait, itself included, by priority; ``own_waiting_now`` are those of its own client.
    """

    task: str
    state: str
    priority: str | None = None
    kind: int | None = None
    keyed: bool | None = None
    idempotent: bool | None = None
    size_bytes: int | None = None
    timeout_s: float | None = None
    submitted_s_ago: float | None = None
    waited_in_client_s: float | None = None
    waited_s: float | None = None
    turn_by_age: bool | None = None
    run_s: float | None = None
    answered_after_s: float | None = None
    may_have_run: str | None = None
    admission: ExplainedAdmission | None = None
    attempt: int = 0
    attempts: list[ExplainedAttempt] = []
    rejection: ExplainedRejection | None = None
    waiting_now: dict[str, int] | None = None
    own_waiting_now: int | None = None


def explanation(
    asked: ExplainRequest, task: Task | None, rejections: list[Rejection], queue: TaskQueue, now: float
) -> Explanation:
    """What is known of the task that was asked for."""
    told = Explanation(f"{asked.session}.{asked.sequence}", "unknown")
    if rejections:
        told.state, told.rejection = "rejected", _rejection(rejections)
    if task is None:
        return told
    told.state = _HERE.get(task.state) or STATUS_NAMES[task.status].lower()
    told.priority = Priority(task.priority).name
    told.kind, told.keyed, told.idempotent, told.size_bytes = (
        task.kind,
        bool(task.key),
        task.idempotent,
        task.size_bytes,
    )
    told.timeout_s = None if task.deadline == inf else task.deadline - task.submitted_at
    told.submitted_s_ago = now - task.submitted_at
    told.waited_in_client_s = task.submitted_at - task.since
    told.turn_by_age = task.by_age
    if task.status < 0 or task.ended_at:
        told.waited_s = task.wait_s + (now - task.queued_at if task.state == TaskState.QUEUED else 0.0)
    told.admission = _admission(task.admission)
    told.attempt = task.attempt
    told.attempts = [_attempt(attempt) for attempt in [*(task.returned or []), task.sent] if attempt is not None]
    if task.status >= 0:
        told.run_s = task.run_s
        told.may_have_run = _MAY_HAVE_RUN[task.entered]
        if task.ended_at and task.client is not None:
            told.answered_after_s = task.ended_at - task.submitted_at
    if task.state == TaskState.QUEUED and len(queue) <= LISTED_MAX:
        waiting = queue.waiting()
        told.waiting_now = {p.name: n for p in Priority if (n := sum(other.priority == p for other in waiting))}
        told.own_waiting_now = sum(other.client == task.client for other in waiting)
    return told


def _admission(admission: Admission | None) -> ExplainedAdmission | None:
    if admission is None:
        return None
    wait_s = admission.work_s / admission.workers if admission.workers else None
    return ExplainedAdmission(admission.queue_length, admission.work_s, admission.in_flight, admission.workers, wait_s)


def _attempt(attempt: Attempt) -> ExplainedAttempt:
    return ExplainedAttempt(
        node=attempt.node,
        reason=_CHOICES[attempt.choice],
        free_nodes=attempt.free_nodes,
        predicted_run_s=None if attempt.expected_s < 0.0 else attempt.expected_s,
        measured_there=attempt.measured,
        predicted_wait_s=attempt.wait_s,
        next_node=attempt.next_node or None,
        next_predicted_s=attempt.next_s if attempt.next_node else None,
        end=attempt.end or None,
    )


def _rejection(rejections: list[Rejection]) -> ExplainedRejection:
    last = rejections[-1]
    return ExplainedRejection(
        times=len(rejections),
        reason=last.reason.value,
        retry_after_s=last.retry_after_s,
        size_bytes=last.size_bytes,
        timeout_s=last.timeout_s or None,
        predicted_run_s=last.run_s or None,
        predicted_wait_s=last.wait_s if last.workers else None,
        may_wait_s=None if last.may_wait_s == inf or last.reason != RejectReason.QUEUE_FULL else last.may_wait_s,
        queue_length=last.queue_length,
        queue_bytes=last.queue_bytes,
        work_s=last.work_s,
        workers=last.workers,
        nodes=last.nodes,
        outstanding=last.outstanding,
        allowance=last.allowance,
    )
