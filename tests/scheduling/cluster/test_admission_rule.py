"""The rule of admission: each limit rejects on its own, at its own number, for its own reason."""

from __future__ import annotations

from math import inf

import pytest

from argon.errors import RejectReason
from argon.scheduling.cluster.admission_rule import TARGET_MIN_S, TARGET_TASKS, queue_target_s, reject_reason
from argon.settings import ClusterSettings
from tests.support.records import forecast

LIMITS = ClusterSettings(queue_limit=10, queue_bytes=1000, max_payload_bytes=500)


def decide(**fields: object) -> RejectReason | None:
    return reject_reason(LIMITS, forecast(**fields))


def test_task_within_every_limit_is_admitted() -> None:
    assert decide() is None


@pytest.mark.parametrize(
    ("forecast", "reason"),
    [
        ({"draining": True}, RejectReason.DRAINING),
        ({"nodes": 0}, RejectReason.NO_NODES),
        ({"queue_length": 10}, RejectReason.QUEUE_FULL),
        ({"queue_bytes": 901}, RejectReason.QUEUE_BYTES),
        ({"outstanding": 5}, RejectReason.CLIENT_LIMIT),
        ({"wait_s": 2.01}, RejectReason.QUEUE_FULL),
    ],
)
def test_task_beyond_one_limit_is_rejected_for_that_reason(forecast: dict[str, float], reason: RejectReason) -> None:
    assert decide(**forecast) is reason


def test_few_of_each_priority_may_wait_however_long_that_will_be() -> None:
    assert decide(wait_s=100.0, few=True) is None
    assert decide(wait_s=100.0, few=True, queue_length=10) is RejectReason.QUEUE_FULL, "a count is a count"


def test_task_for_which_a_worker_is_free_is_rejected_only_to_one_that_may_have_no_more() -> None:
    full = {"free": True, "queue_length": 10, "queue_bytes": 1000, "wait_s": 9.0}
    assert decide(**full) is None
    assert decide(**full, outstanding=5) is RejectReason.CLIENT_LIMIT
    assert decide(**full, draining=True) is RejectReason.DRAINING


def test_payload_over_its_limit_is_rejected_whatever_the_queue() -> None:
    assert decide(size_bytes=500, queue_bytes=0) is None
    assert decide(size_bytes=501, queue_bytes=0) is RejectReason.TOO_LARGE
    assert decide(size_bytes=501, queue_length=10) is RejectReason.TOO_LARGE, "trying again cannot help"


def test_payload_that_no_queue_can_hold_is_rejected_for_good() -> None:
    small = ClusterSettings(queue_bytes=100)
    assert reject_reason(small, forecast(queue_bytes=0, size_bytes=101)) is RejectReason.TOO_LARGE
    assert reject_reason(small, forecast(queue_bytes=0, size_bytes=100)) is None


def test_task_that_would_wait_beyond_its_deadline_is_rejected() -> None:
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
