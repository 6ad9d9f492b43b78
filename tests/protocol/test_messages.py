"""The records of the protocol: sizes of payloads, and numbers that both ends must agree on."""

from __future__ import annotations

import pytest

from argon.errors import MayHaveRun, RejectReason
from argon.protocol.detail import Detail
from argon.protocol.messages import Entered, Outcome, Payload, Refusal, Status, payload_bytes


@pytest.mark.parametrize(
    ("payload", "size"),
    [(b"", 0), (b"abc", 3), ((), 0), ((b"ab", b"", b"c"), 3), ((b"ab", memoryview(b"cde")), 5)],
)
def test_payload_bytes_counts_bytes_and_chunks(payload: Payload, size: int) -> None:
    assert payload_bytes(payload) == size


def test_refusals_on_the_wire_are_the_reasons_of_the_exceptions() -> None:
    assert [refusal.name for refusal in Refusal] == [reason.name for reason in RejectReason]


def test_entered_on_the_wire_is_may_have_run_of_the_exceptions() -> None:
    assert [entered.name for entered in Entered] == [may.name for may in MayHaveRun]


def test_numbers_on_the_wire_never_change() -> None:
    assert [*Status] == [0, 1, 2, 3, 4, 5]
    assert [status.name for status in Status] == ["COMPLETED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED", "LOST"]
    assert [*Entered] == [0, 1, 2]
    assert [*Refusal] == [0, 1, 2, 3, 4, 5, 6]


def test_outcome_without_more_says_that_it_knows_nothing() -> None:
    outcome = Outcome(1, Status.LOST)
    assert outcome.entered == Entered.UNKNOWN
    assert outcome.payload == b""
    assert Detail().reason == ""
