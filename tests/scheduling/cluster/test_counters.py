"""The counters: every task that was accepted has ended in one way, or is still here."""

from __future__ import annotations

from argon.protocol.messages import STATUS_NAMES, Status
from argon.scheduling.cluster.counters import TaskCounters


def test_accepted_tasks_that_have_not_ended_are_still_here() -> None:
    counters = TaskCounters()
    counters.accepted = 5
    counters.end(Status.COMPLETED)
    counters.end(Status.LOST)
    assert counters.still_here() == 3


def test_rejected_tasks_were_never_here() -> None:
    counters = TaskCounters()
    counters.accepted = 1
    counters.end(Status.REJECTED)
    assert counters.still_here() == 1
    assert counters.rejected() == 1


def test_counters_carry_each_end_under_its_name() -> None:
    counters = TaskCounters()
    counters.accepted, counters.requeued, counters.stale_answers = 21, 7, 8
    for status in range(len(STATUS_NAMES)):
        for _ in range(status + 1):
            counters.end(status)
    named = counters.by_name()
    assert [named[name.lower()] for name in STATUS_NAMES] == [1, 2, 3, 4, 5, 6]
    assert (named["accepted"], named["requeued"], named["stale_answers"]) == (21, 7, 8)
