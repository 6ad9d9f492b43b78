"""The counters: every task that was accepted has ended in one way, or is still here."""

from __future__ import annotations

from argon.protocol.messages import STATUS_NAMES, Status
from argon.scheduling.cluster.reporting.counters import Ledger


def test_accepted_tasks_that_have_not_ended_are_still_here() -> None:
    ledger = Ledger()
    ledger.accepted = 5
    ledger.end(Status.COMPLETED)
    ledger.end(Status.LOST)
    assert ledger.still_here() == 3


def test_rejected_tasks_were_never_here() -> None:
    ledger = Ledger()
    ledger.accepted = 1
    ledger.end(Status.REJECTED)
    assert ledger.still_here() == 1
    assert ledger.rejected() == 1


def test_counters_carry_each_end_under_its_name() -> None:
    ledger = Ledger()
    ledger.accepted, ledger.requeued, ledger.stale_answers = 21, 7, 8
    for status in range(len(STATUS_NAMES)):
        for _ in range(status + 1):
            ledger.end(status)
    counters = ledger.counters()
    named = [getattr(counters, name.lower()) for name in STATUS_NAMES]
    assert named == [1, 2, 3, 4, 5, 6]
    assert (counters.accepted, counters.requeued, counters.stale_answers) == (21, 7, 8)
