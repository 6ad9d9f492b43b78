"""The answers that a client gives by itself, without the cluster or in place of what the cluster said.

In: a task's id, and what has become of it. Out: an answer for its caller, as if the cluster had sent it.
"""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import Answer, Entered, Outcome, Reject, Status


def rejected(client_task_id: ClientTaskId, reason: RejectReason, after_s: float, why: str = "") -> Reject:
    """A rejection of the client's own: the cluster was not asked."""
    return Reject(client_task_id, reason, after_s, why=why, local=True)


def no_connection(client_task_id: ClientTaskId, after_s: float) -> Reject:
    """The rejection of a task that should not wait, while there is no connection."""
    why = "there is no connection to the cluster at present"
    return rejected(client_task_id, RejectReason.NO_NODES, after_s, why)


def lost(client_task_id: ClientTaskId, entered: int, why: str) -> Outcome:
    """What becomes of a task that the cluster can no longer answer."""
    return Outcome(client_task_id, Status.LOST, entered, payload=encode_diagnosis(Diagnosis(why)))


def known_of_one_try(answer: Answer) -> Answer:
    """The answer to a task that was sent once before, on a connection that was lost: that it did not run this time does
    not say that it never ran."""
    if isinstance(answer, Reject):
        why = "the connection to the cluster was lost, and the task was not admitted again"
        return lost(answer.id, Entered.UNKNOWN, why)
    if answer.entered != Entered.NO:
        return answer
    return Outcome(
        id=answer.id,
        status=answer.status,
        entered=Entered.UNKNOWN,
        attempt=answer.attempt,
        run_s=answer.run_s,
        queued_s=answer.queued_s,
        credits=answer.credits,
        failure_kind=answer.failure_kind,
        payload=answer.payload,
    )
