"""From an outcome on the wire to what the caller gets: a value, or an exception that says what happened.

In: an Outcome or a Reject. Out: the task's value, or one exception with all the data there is. It must never raise for
what came from outside: whatever is wrong with an answer is the answer.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any, Final

from argon.call.failure import unpack_failure
from argon.call.payload import unpack_result
from argon.client.task_id import task_id
from argon.errors import MayHaveRun, Rejected, TaskError, TaskExpired, TaskLost, WorkerDied
from argon.protocol.codec import ProtocolViolation, decode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Answer, Entered, FailureKind, Outcome, Reject, Status

_MAY_HAVE_RUN: Final = tuple(MayHaveRun)  # by the number of Entered


def value_of(answer: Answer, session: int) -> tuple[Any, BaseException | None]:
    """The task's value and None, or None and the exception to raise, which knows the task's id by this session."""
    if isinstance(answer, Reject):
        error: BaseException = _rejected(answer)
    elif answer.status == Status.COMPLETED:
        try:
            return unpack_result(answer.payload), None
        except TaskError as unreadable:
            unreadable.attempt, unreadable.queued_s, unreadable.run_s = answer.attempt, answer.queued_s, answer.run_s
            error = unreadable
    else:
        error = error_of(answer)
    if isinstance(error, TaskError):
        error.task_id = task_id(session, answer.id)
    try:
        return None, error
    finally:
        del error  # it may hold this frame, and must not hold itself by it


def error_of(outcome: Outcome) -> BaseException:
    """The exception for an outcome that is not a value."""
    if outcome.status == Status.FAILED and outcome.failure_kind == FailureKind.RAISED:
        return unpack_failure(outcome.payload, attempt=outcome.attempt, queued_s=outcome.queued_s, run_s=outcome.run_s)
    if outcome.status == Status.CANCELLED:
        return CancelledError()
    diagnosis = _diagnosis(outcome)
    data: dict[str, Any] = {
        "node": diagnosis.node,
        "attempt": outcome.attempt,
        "may_have_run": _MAY_HAVE_RUN[outcome.entered],
        "queued_s": outcome.queued_s,
        "run_s": outcome.run_s,
    }
    if outcome.status == Status.EXPIRED:
        where = f"it was killed on node {diagnosis.node}" if diagnosis.node else "it had not been started"
        if outcome.entered == Entered.UNKNOWN:
            where = "the cluster did not answer in time, and the task may be running"
        return TaskExpired(f"the task's timeout passed: {where}", **data)
    if outcome.status == Status.LOST:
        return TaskLost(f"the task is lost: {diagnosis.reason or 'its state is unknown'}{_on(diagnosis)}", **data)
    return _worker_died(diagnosis, data)


def _rejected(reject: Reject) -> Rejected:
    again = f"; try again in {reject.retry_after_s:.2f} s" if reject.retry_after_s else ""
    return Rejected(
        f"the task was rejected ({reject.reason}): {reject.why or reject.reason.meaning}{again}",
        reason=reject.reason,
        retry_after=reject.retry_after_s,
        local=reject.local,
    )


def _worker_died(diagnosis: Diagnosis, data: dict[str, Any]) -> WorkerDied:
    if diagnosis.oom:
        how = "out of memory, the kernel killed it"
    elif diagnosis.signal:
        how = f"signal {diagnosis.signal}"
    else:
        how = f"exit code {diagnosis.exit_code}"
    if diagnosis.reason:
        how = f"{diagnosis.reason}, {how}"
    return WorkerDied(
        f"the task ended its worker process{_on(diagnosis)}: {how}",
        signal=diagnosis.signal,
        exit_code=diagnosis.exit_code,
        oom=diagnosis.oom,
        **data,
    )


def _on(diagnosis: Diagnosis) -> str:
    return f" (node {diagnosis.node})" if diagnosis.node else ""


def _diagnosis(outcome: Outcome) -> Diagnosis:
    payload = outcome.payload
    try:
        return (
            decode_diagnosis(payload if isinstance(payload, bytes) else b"".join(payload)) if payload else Diagnosis()
        )
    except ProtocolViolation as violation:
        return Diagnosis(reason=violation.reason)
