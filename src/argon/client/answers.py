"""An outcome on the wire to what the caller gets: a value, or an exception that says what happened.

In: an Outcome. Out: the task's value, or one exception with all the data there is. It must never raise for what came
from outside: whatever is wrong with an answer is the answer.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any, Final

from argon.call.payload import unpack_failure, unpack_result
from argon.client.task_id import task_id
from argon.errors import MayHaveRun, Rejected, RejectReason, TaskError, TaskExpired, TaskLost, WorkerDied
from argon.protocol.codec import ProtocolViolation, decode_detail
from argon.protocol.detail import Detail
from argon.protocol.messages import Entered, FailureKind, Outcome, Refusal, Status

_MAY_HAVE_RUN: Final = {Entered.NO: MayHaveRun.NO, Entered.YES: MayHaveRun.YES, Entered.UNKNOWN: MayHaveRun.UNKNOWN}

_REFUSALS: Final = {
    Refusal.QUEUE_FULL: "it would wait for longer than the queue may stand, or queue_limit tasks wait",
    Refusal.QUEUE_BYTES: "the queue holds as many bytes as it may",
    Refusal.NO_NODES: "there is no node to run it",
    Refusal.DRAINING: "the cluster is shutting down",
    Refusal.CLIENT_LIMIT: "this client has more tasks outstanding than it was allowed",
    Refusal.TOO_LARGE: "its payload is larger than max_payload or queue_bytes",
    Refusal.DEADLINE: "it could not have been answered within its timeout",
}


def value_of(outcome: Outcome, session: int = 0) -> tuple[Any, BaseException | None]:
    """The task's value and None, or None and the exception to raise, which knows the task's id by this session."""
    if outcome.status == Status.COMPLETED:
        try:
            return unpack_result(outcome.payload), None
        except TaskError as unreadable:
            unreadable.attempt, unreadable.queued_s, unreadable.run_s = outcome.attempt, outcome.wait_s, outcome.run_s
            error: BaseException = unreadable
    else:
        error = error_of(outcome)
    if isinstance(error, TaskError):
        error.task_id = task_id(session, outcome.id)
    return None, error


def error_of(outcome: Outcome) -> BaseException:
    """The exception for an outcome that is not a value."""
    if outcome.status == Status.REJECTED:
        return _rejected(outcome)
    if outcome.status == Status.FAILED and outcome.detail == FailureKind.RAISED:
        return unpack_failure(outcome.payload, attempt=outcome.attempt, queued_s=outcome.wait_s, run_s=outcome.run_s)
    if outcome.status == Status.CANCELLED:
        return CancelledError()
    detail = _detail(outcome)
    data: dict[str, Any] = {
        "node": detail.node,
        "attempt": outcome.attempt,
        "may_have_run": _MAY_HAVE_RUN[Entered(outcome.entered)],
        "queued_s": outcome.wait_s,
        "run_s": outcome.run_s,
    }
    if outcome.status == Status.EXPIRED:
        where = f"it was killed on node {detail.node}" if detail.node else "it had not been started"
        if outcome.entered == Entered.UNKNOWN:
            where = "the cluster did not answer in time, and the task may be running"
        return TaskExpired(f"the task's timeout passed: {where}", **data)
    if outcome.status == Status.LOST:
        return TaskLost(f"the task is lost: {detail.reason or 'its state is unknown'}{_on(detail)}", **data)
    return _worker_died(detail, data)


def _rejected(outcome: Outcome) -> Rejected:
    refusal = Refusal(outcome.detail) if outcome.detail < len(Refusal) else Refusal.QUEUE_FULL
    again = f"; there may be room in {outcome.wait_s:.2f} s" if outcome.wait_s else ""
    detail = _detail(outcome)
    why = detail.reason or _REFUSALS[refusal]
    return Rejected(
        f"the task was rejected ({refusal.name}): {why}{again}",
        reason=RejectReason(refusal.name),
        retry_after=outcome.wait_s,
        local=detail.local,
    )


def _worker_died(detail: Detail, data: dict[str, Any]) -> WorkerDied:
    if detail.oom:
        how = "the kernel killed it for want of memory"
    elif detail.signal:
        how = f"signal {detail.signal}"
    else:
        how = f"exit code {detail.exit_code}"
    if detail.reason:
        how = f"{detail.reason}, {how}"
    return WorkerDied(
        f"the task ended its worker process{_on(detail)}: {how}",
        signal=detail.signal,
        exit_code=detail.exit_code,
        oom=detail.oom,
        **data,
    )


def _on(detail: Detail) -> str:
    return f" (node {detail.node})" if detail.node else ""


def _detail(outcome: Outcome) -> Detail:
    payload = outcome.payload
    try:
        return decode_detail(payload if isinstance(payload, bytes) else b"".join(payload)) if payload else Detail()
    except ProtocolViolation as violation:
        return Detail(reason=violation.reason)
