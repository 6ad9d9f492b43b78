"""The records of the protocol: sizes of payloads, and numbers that both ends must agree on."""

from __future__ import annotations

import pytest

from argon.errors import MayHaveRun, RejectReason
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import (
    STATUS_NAMES,
    Entered,
    FailureKind,
    Outcome,
    Payload,
    Reject,
    Status,
    payload_bytes,
)


@pytest.mark.parametrize(
    ("payload", "size"),
    [(b"", 0), (b"abc", 3), ((), 0), ((b"ab", b"", b"c"), 3), ((b"ab", memoryview(b"cde")), 5)],
)
def test_payload_bytes_counts_bytes_and_chunks(payload: Payload, size: int) -> None:
    assert payload_bytes(payload) == size


def test_reasons_have_their_place_on_the_wire_for_ever() -> None:
    assert list(RejectReason) == [
        *("QUEUE_FULL", "QUEUE_BYTES", "NO_NODES", "DRAINING", "CLIENT_LIMIT", "TOO_LARGE", "DEADLINE")
    ]


def test_entered_on_the_wire_is_may_have_run_of_the_exceptions() -> None:
    may = list(MayHaveRun)
    assert (may[Entered.NO], may[Entered.YES], may[Entered.UNKNOWN]) == ("no", "yes", "unknown")
    assert len(may) == 3


def test_numbers_on_the_wire_never_change_and_have_names() -> None:
    assert [getattr(Status, name) for name in STATUS_NAMES] == [0, 1, 2, 3, 4, 5]
    assert (FailureKind.RAISED, FailureKind.WORKER_DIED) == (0, 1)


def test_reject_answers_like_the_outcome_of_a_task_that_never_ran() -> None:
    reject = Reject(1, RejectReason.NO_NODES, 0.5)
    assert (reject.status, reject.entered) == (Status.REJECTED, Entered.NO)


def test_outcome_without_more_says_that_it_knows_nothing() -> None:
    outcome = Outcome(1, Status.LOST)
    assert outcome.entered == Entered.UNKNOWN
    assert outcome.payload == b""
    assert Diagnosis().reason == ""
