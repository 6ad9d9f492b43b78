"""The answers that a client gives by itself."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.codec import decode_diagnosis
from argon.protocol.messages import Entered, FailureKind, Outcome, Reject, Status
from argon.scheduling.client.local_answers import known_of_one_try, lost, rejected


def test_rejection_of_the_client_says_that_it_is_local_and_why() -> None:
    assert rejected(7, RejectReason.QUEUE_FULL, 0.5, "no credit") == Reject(
        7, RejectReason.QUEUE_FULL, 0.5, why="no credit", local=True
    )


def test_lost_task_has_the_reason() -> None:
    outcome = lost(7, Entered.UNKNOWN, "gone")
    assert (outcome.id, outcome.status, outcome.entered) == (7, Status.LOST, Entered.UNKNOWN)
    assert isinstance(outcome.payload, bytes)
    assert decode_diagnosis(outcome.payload).reason == "gone"


def test_task_rejected_after_it_was_sent_once_is_lost() -> None:
    answer = known_of_one_try(Reject(7, RejectReason.QUEUE_FULL))
    assert (answer.id, answer.status, answer.entered) == (7, Status.LOST, Entered.UNKNOWN)


def test_answer_that_says_no_for_one_try_is_unknown_and_what_came_in_stays_as_it_was() -> None:
    came = Outcome(7, Status.FAILED, Entered.NO, 2, 0.5, 1.5, 30, FailureKind.WORKER_DIED, b"why")
    answer = known_of_one_try(came)
    assert answer == Outcome(7, Status.FAILED, Entered.UNKNOWN, 2, 0.5, 1.5, 30, FailureKind.WORKER_DIED, b"why")
    assert came.entered == Entered.NO


@pytest.mark.parametrize("entered", [Entered.YES, Entered.UNKNOWN])
def test_any_other_answer_is_the_same(entered: int) -> None:
    came = Outcome(7, Status.COMPLETED, entered)
    assert known_of_one_try(came) is came
