"""The rule by which a task may enter: arithmetic on its forecast.

In: a forecast, and the limits. Out: None to admit the task, or why not; how long the queue may be. It must never see a
payload, keep a task, or cost more for a rejection than for an admission.
"""

from __future__ import annotations

from math import inf
from typing import Final

from argon.errors import RejectReason
from argon.scheduling.cluster.forecast import Forecast
from argon.settings import ClusterSettings

TARGET_MIN_S: Final = 0.025
TARGET_TASKS: Final = 2.0
BURST: Final = 2.0


def reject_reason(limits: ClusterSettings, forecast: Forecast) -> RejectReason | None:
    """Why a task may not enter, but for what it takes to run; None if it may.

    Since ``wait_s`` is that of the task's own place, those of low priority and of clients that have much waiting are
    rejected first when the queue is standing. But a few of each priority may always wait, so that none is kept out for
    good: each goes when it has aged.
    """
    if forecast.draining:
        return RejectReason.DRAINING
    if not forecast.free and forecast.size_bytes > min(limits.max_payload_bytes, limits.queue_bytes):
        return RejectReason.TOO_LARGE  # the queue can never hold it
    if forecast.outstanding >= forecast.allowance:
        return RejectReason.CLIENT_LIMIT
    if forecast.free:
        return None
    if not forecast.nodes:
        return RejectReason.NO_NODES
    if forecast.queue_length >= limits.queue_limit:
        return RejectReason.QUEUE_FULL
    if forecast.queue_bytes + forecast.size_bytes > limits.queue_bytes:
        return RejectReason.QUEUE_BYTES
    if forecast.wait_s > forecast.may_wait_s and not forecast.few:
        return RejectReason.QUEUE_FULL
    if forecast.timeout_s and forecast.wait_s > forecast.timeout_s:
        return RejectReason.DEADLINE
    return None


def queue_target_s(limits: ClusterSettings, mean_run_s: float) -> float:
    """How long the queue may be, in seconds of work for all workers: as set, or by what a task takes on average.

    A queue need be no longer than what keeps every worker busy until the next tasks come. Two tasks for each worker do
    that; of very short ones, as many as come while a process is held up.
    """
    if limits.queue_target_s is not None:
        return limits.queue_target_s
    return max(TARGET_MIN_S, TARGET_TASKS * mean_run_s) if mean_run_s else inf
