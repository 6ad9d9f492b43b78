"""The door: each limit refuses on its own, at its own number, for its own reason."""

from __future__ import annotations

from math import inf
from random import Random

import pytest

from argon.errors import RejectReason
from argon.scheduling.cluster.admission import TARGET_MIN_S, TARGET_TASKS, Door, Returns, queue_target_s, refusal
from argon.settings import ClusterSettings
from tests.support.records import replaced

LIMITS = ClusterSettings(queue_limit=10, queue_bytes=1000, max_payload_bytes=500)
OPEN = Door(
    draining=False,
    free=False,
    nodes=1,
    queue_length=9,
    queue_bytes=900,
    outstanding=4,
    allowance=5,
    wait_s=2.0,
    may_wait_s=2.0,
    few=False,
)


def decide(size_bytes: int = 100, timeout_s: float = 0.0, **door: float) -> RejectReason | None:
    return refusal(LIMITS, replaced(OPEN, **door), size_bytes, timeout_s)


def test_task_within_every_limit_is_admitted() -> None:
    assert decide() is None


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        ({"draining": True}, RejectReason.DRAINING),
        ({"nodes": 0}, RejectReason.NO_NODES),
        ({"queue_length": 10}, RejectReason.QUEUE_FULL),
        ({"queue_bytes": 901}, RejectReason.QUEUE_BYTES),
        ({"outstanding": 5}, RejectReason.CLIENT_LIMIT),
        ({"wait_s": 2.01}, RejectReason.QUEUE_FULL),
    ],
)
def test_task_beyond_one_limit_is_refused_for_that_reason(door: dict[str, float], reason: RejectReason) -> None:
    assert decide(**door) is reason


def test_few_of_each_priority_may_wait_however_long_that_will_be() -> None:
    assert decide(wait_s=100.0, few=True) is None
    assert decide(wait_s=100.0, few=True, queue_length=10) is RejectReason.QUEUE_FULL, "a count is a count"


def test_task_for_which_a_worker_is_free_is_refused_only_to_one_that_may_have_no_more() -> None:
    full = {"free": True, "queue_length": 10, "queue_bytes": 1000, "wait_s": 9.0}
    assert decide(**full) is None
    assert decide(**full, outstanding=5) is RejectReason.CLIENT_LIMIT
    assert decide(**full, draining=True) is RejectReason.DRAINING


def test_payload_over_its_limit_is_refused_whatever_the_queue() -> None:
    assert decide(size_bytes=500, queue_bytes=0) is None
    assert decide(size_bytes=501, queue_bytes=0) is RejectReason.TOO_LARGE
    assert decide(size_bytes=501, queue_length=10) is RejectReason.TOO_LARGE, "trying again cannot help"


def test_payload_that_no_queue_has_room_for_is_refused_for_good() -> None:
    assert refusal(ClusterSettings(queue_bytes=100), replaced(OPEN, queue_bytes=0), 101, 0.0) is RejectReason.TOO_LARGE
    assert refusal(ClusterSettings(queue_bytes=100), replaced(OPEN, queue_bytes=0), 100, 0.0) is None


def test_task_that_would_wait_beyond_its_deadline_is_refused() -> None:
    assert decide(timeout_s=1.9) is RejectReason.DEADLINE
    assert decide(timeout_s=2.1) is None


@pytest.mark.parametrize(
    ("set_s", "mean_run_s", "target_s"),
    [
        (None, 0.0, inf),
        (None, 0.001, TARGET_MIN_S),
        (None, 0.02, TARGET_TASKS * 0.02),
        (None, 10.0, TARGET_TASKS * 10.0),
        (0.3, 10.0, 0.3),
        (0.3, 0.0, 0.3),
        (inf, 0.02, inf),
    ],
)
def test_target_of_the_queue_is_as_set_or_goes_by_what_tasks_take(
    set_s: float | None, mean_run_s: float, target_s: float
) -> None:
    assert queue_target_s(ClusterSettings(queue_target_s=set_s), mean_run_s) == target_s


@pytest.mark.parametrize("reason", [reason for reason in RejectReason if reason is not RejectReason.TOO_LARGE])
def test_retry_after_is_around_the_predicted_wait_and_spread(reason: RejectReason) -> None:
    returns = Returns(Random(1))
    pauses = [returns.retry_after_s(reason, 4.0, 0.001, 0.0) for _ in range(200)]
    assert 2.0 <= min(pauses) < 2.2
    assert 5.8 < max(pauses) <= 6.0


def test_retry_after_has_a_floor_a_ceiling_and_a_word_for_never() -> None:
    returns = Returns(Random(1))
    assert 0.005 <= returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 0.0, 0.0) <= 0.015
    assert 0.25 <= returns.retry_after_s(RejectReason.NO_NODES, 0.0, 0.0, 0.0) <= 0.75
    assert returns.retry_after_s(RejectReason.QUEUE_FULL, 1e9, 0.0, 0.0) == 30.0
    assert returns.retry_after_s(RejectReason.TOO_LARGE, 5.0, 0.0, 0.0) == 0.0


def test_those_who_were_rejected_come_back_no_faster_than_workers_become_free() -> None:
    returns, work_s = Returns(Random(3)), 0.0025
    back = sorted(returns.retry_after_s(RejectReason.QUEUE_FULL, 0.04, work_s, 0.0) for _ in range(1000))
    assert back[-1] > 1000 * work_s
    late = [moment for moment in back if moment > 0.5]
    assert len(late) * work_s < 1.5 * (late[-1] - late[0])


def test_bookings_of_those_who_come_back_wear_off() -> None:
    returns = Returns(Random(1))
    for _ in range(1000):
        returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 0.002, 0.0)
    assert returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 0.0, 0.0) >= 1.0
    assert returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 0.0, 1.9) <= 0.16
    assert returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 0.0, 2.1) <= 0.015


def test_bookings_are_bounded() -> None:
    returns = Returns(Random(1))
    assert max(returns.retry_after_s(RejectReason.QUEUE_FULL, 0.0, 1.0, 0.0) for _ in range(1000)) <= 7.5
