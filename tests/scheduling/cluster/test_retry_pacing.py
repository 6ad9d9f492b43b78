"""When those who were rejected are to come back: apart, and no faster than workers become free."""

from __future__ import annotations

from random import Random

import pytest

from argon.errors import RejectReason
from argon.scheduling.cluster.retry_pacing import RetryPacing


@pytest.mark.parametrize("reason", [reason for reason in RejectReason if reason is not RejectReason.TOO_LARGE])
def test_retry_after_is_around_the_predicted_wait_and_spread(reason: RejectReason) -> None:
    retry_pacing = RetryPacing(Random(1))
    pauses = [retry_pacing.book(reason, 4.0, 0.001, 0.0) for _ in range(200)]
    assert 2.0 <= min(pauses) < 2.2
    assert 5.8 < max(pauses) <= 6.0


def test_retry_after_has_a_floor_a_ceiling_and_a_word_for_never() -> None:
    retry_pacing = RetryPacing(Random(1))
    assert 0.005 <= retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 0.0, 0.0) <= 0.015
    assert 0.25 <= retry_pacing.book(RejectReason.NO_NODES, 0.0, 0.0, 0.0) <= 0.75
    assert retry_pacing.book(RejectReason.QUEUE_FULL, 1e9, 0.0, 0.0) == 30.0
    assert retry_pacing.book(RejectReason.TOO_LARGE, 5.0, 0.0, 0.0) == 0.0


def test_those_who_were_rejected_come_back_no_faster_than_workers_become_free() -> None:
    retry_pacing, work_s = RetryPacing(Random(3)), 0.0025
    back = sorted(retry_pacing.book(RejectReason.QUEUE_FULL, 0.04, work_s, 0.0) for _ in range(1000))
    assert back[-1] > 1000 * work_s
    late = [moment for moment in back if moment > 0.5]
    assert len(late) * work_s < 1.5 * (late[-1] - late[0])


def test_bookings_of_those_who_come_back_wear_off() -> None:
    retry_pacing = RetryPacing(Random(1))
    for _ in range(1000):
        retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 0.002, 0.0)
    assert retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 0.0, 0.0) >= 1.0
    assert retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 0.0, 1.9) <= 0.16
    assert retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 0.0, 2.1) <= 0.015


def test_bookings_are_bounded() -> None:
    retry_pacing = RetryPacing(Random(1))
    assert max(retry_pacing.book(RejectReason.QUEUE_FULL, 0.0, 1.0, 0.0) for _ in range(1000)) <= 7.5
