"""What became of one task, for people: what ``argon explain`` shows.

In: the state, and which task is asked for. Out: its records in words and numbers, complete, and readable as JSON. It
must never guess: what was not noted is None, and a task of which nothing is left is "unknown".
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

import msgspec

from argon.errors import MayHaveRun
from argon.protocol.messages import STATUS_NAMES, ExplainRequest
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.forecast import Rejection
from argon.scheduling.cluster.route import Choice
from argon.scheduling.cluster.task import Task, TaskState
from argon.scheduling.cluster.task_history import Attempt
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


class Explanation(msgspec.Struct):
    """One task. ``state`` is unknown, queued, assigned, cancelling, or how it ended.

    ``forecast`` has the fields of the record Forecast, None if the task did not have to wait; each of ``attempts`` has
    those of an Attempt, with its choice in words. ``rejection`` is the last one: how often there was one (``times``),
    the reason, ``retry_after_s``, and its forecast.

    ``waited_s`` and ``answered_after_s`` are None where its client was gone before. ``waited_in_client_s`` is what its
    client says of the time before it was submitted; ``turn_by_age`` is whether it left the queue though something more
    urgent waited. ``waiting_now`` counts, for a task that is queued, those that wait, itself included, by priority;
    ``own_waiting_now`` are those of its own client.
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
    forecast: dict[str, Any] | None = None
    attempt: int = 0
    attempts: list[dict[str, Any]] = []
    rejection: dict[str, Any] | None = None
    waiting_now: dict[str, int] | None = None
    own_waiting_now: int | None = None


def explanation(state: ClusterState, asked: ExplainRequest, now: float) -> Explanation:
    """What is known of the task that was asked for."""
    client = state.clients.get(asked.session)
    task = client.tasks.get(asked.sequence) if client is not None else None
    if task is None:
        task = state.decision_log.task(asked.session, asked.sequence)
    known = Explanation(f"{asked.session}.{asked.sequence}", "unknown")
    rejections = state.decision_log.rejections(asked.session, asked.sequence)
    if rejections:
        known.state, known.rejection = "rejected", _rejection(rejections)
    if task is not None:
        _describe(task, known, now)
        if task.state == TaskState.QUEUED and len(state.queue) <= LISTED_MAX:
            waiting = state.queue.waiting()
            known.waiting_now = {p.name: n for p in Priority if (n := sum(other.priority == p for other in waiting))}
            known.own_waiting_now = sum(other.client == task.client for other in waiting)
    return known


def _describe(task: Task, known: Explanation, now: float) -> None:
    history = task.history
    known.state = _HERE.get(task.state) or STATUS_NAMES[history.status].lower()
    known.priority, known.kind, known.keyed = Priority(task.priority).name, task.kind, bool(task.key)
    known.idempotent, known.size_bytes = task.idempotent, task.size_bytes
    known.timeout_s = None if task.deadline == inf else task.deadline - history.submitted_at
    known.submitted_s_ago = now - history.submitted_at
    known.waited_in_client_s = history.submitted_at - task.since
    known.turn_by_age = history.by_age
    if history.status < 0 or history.ended_at:
        known.waited_s = task.wait_s + (now - task.queued_at if task.state == TaskState.QUEUED else 0.0)
    known.forecast = None if history.forecast is None else history.forecast.fields()
    known.attempt = task.attempt
    last = history.attempt()
    attempts = [*(history.returned or []), *([] if last is None else [last])]
    known.attempts = [_attempt(attempt) for attempt in attempts]
    if history.status >= 0:
        known.run_s = history.run_s
        known.may_have_run = _MAY_HAVE_RUN[history.entered]
        if history.ended_at and task.client is not None:
            known.answered_after_s = history.ended_at - history.submitted_at


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {**attempt.fields(), "choice": _CHOICES[attempt.choice]}


def _rejection(rejections: list[Rejection]) -> dict[str, Any]:
    last = rejections[-1]
    return {
        "times": len(rejections),
        "reason": last.reason.value,
        "retry_after_s": last.retry_after_s,
        "forecast": last.forecast.fields(),
    }
