"""The door: each limit refuses on its own, at its own number, for its own reason."""

from __future__ import annotations

from random import Random

import pytest

from argon.protocol.messages import Refusal
from argon.scheduling.admission import Door, client_credits, refusal, retry_after_s
from argon.settings import ClusterSettings
from tests.support.records import replaced

LIMITS = ClusterSettings(queue_limit=10, queue_bytes=1000, max_payload_bytes=500)
OPEN = Door(draining=False, nodes=1, queue_length=9, queue_bytes=900, outstanding=4, allowance=5, wait_s=2.0)


def decide(size_bytes: int = 100, timeout_s: float = 0.0, run_s: float = 0.0, **door: float) -> Refusal | None:
    return refusal(LIMITS, replaced(OPEN, **door), size_bytes, timeout_s, run_s)


def test_task_within_every_limit_is_admitted() -> None:
    assert decide() is None


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        ({"draining": True}, Refusal.DRAINING),
        ({"nodes": 0}, Refusal.NO_NODES),
        ({"queue_length": 10}, Refusal.QUEUE_FULL),
        ({"queue_bytes": 901}, Refusal.QUEUE_BYTES),
        ({"outstanding": 5}, Refusal.CLIENT_LIMIT),
    ],
)
def test_task_beyond_one_limit_is_refused_for_that_reason(door: dict[str, float], reason: Refusal) -> None:
    assert decide(**door) is reason


def test_payload_over_its_limit_is_refused_whatever_the_queue() -> None:
    assert decide(size_bytes=500, queue_bytes=0) is None
    assert decide(size_bytes=501, queue_bytes=0) is Refusal.TOO_LARGE
    assert decide(size_bytes=501, queue_length=10) is Refusal.TOO_LARGE, "trying again cannot help"


def test_payload_that_no_queue_has_room_for_is_refused_for_good() -> None:
    assert refusal(ClusterSettings(queue_bytes=100), replaced(OPEN, queue_bytes=0), 101, 0.0, 0.0) is Refusal.TOO_LARGE
    assert refusal(ClusterSettings(queue_bytes=100), replaced(OPEN, queue_bytes=0), 100, 0.0, 0.0) is None


@pytest.mark.parametrize(
    ("timeout_s", "run_s", "reason"),
    [
        (0.0, 100.0, None),
        (3.0, 1.0, None),
        (2.9, 1.0, Refusal.DEADLINE),
        (1.9, 0.0, Refusal.DEADLINE),
        (2.1, 0.0, None),
    ],
)
def test_task_that_would_miss_its_deadline_is_refused(timeout_s: float, run_s: float, reason: Refusal | None) -> None:
    assert decide(timeout_s=timeout_s, run_s=run_s) is reason


@pytest.mark.parametrize("reason", [reason for reason in Refusal if reason is not Refusal.TOO_LARGE])
def test_retry_after_is_around_the_predicted_wait_and_spread(reason: Refusal) -> None:
    rng = Random(1)
    pauses = [retry_after_s(reason, 4.0, rng) for _ in range(200)]
    assert 2.0 <= min(pauses) < 2.2
    assert 5.8 < max(pauses) <= 6.0


def test_retry_after_has_a_floor_a_ceiling_and_a_word_for_never() -> None:
    rng = Random(1)
    assert 0.005 <= retry_after_s(Refusal.QUEUE_FULL, 0.0, rng) <= 0.015
    assert 0.25 <= retry_after_s(Refusal.NO_NODES, 0.0, rng) <= 0.75
    assert retry_after_s(Refusal.QUEUE_FULL, 1e9, rng) == 30.0
    assert retry_after_s(Refusal.TOO_LARGE, 5.0, rng) == 0.0


@pytest.mark.parametrize(
    ("workers", "in_flight", "active", "credits"),
    [(4, 0, 1, 104), (4, 40, 1, 140), (4, 0, 0, 104), (4, 0, 2, 52), (0, 0, 1, 100), (4, 0, 1000, 1)],
)
def test_credits_are_a_clients_share_of_queue_and_workers_and_at_least_one(
    workers: int, in_flight: int, active: int, credits: int
) -> None:
    assert client_credits(100, workers, in_flight, active) == credits
