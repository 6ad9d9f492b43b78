"""What is foreseen for a task that has come, and whether it may enter by that: arithmetic on counters of the moment.

In: a forecast, and the limits. Out: None to admit the task, or why not; how long the queue may be. It must never see a
payload, keep a task, or cost more for a rejection than for an admission.
"""

from __future__ import annotations

from math import inf
from typing import Final

from mypy_extensions import mypyc_attr

from argon.errors import RejectReason
from argon.protocol.ids import ClientTaskId, PeerId
from argon.record import Record
from argon.settings import ClusterSettings

TARGET_MIN_S: Final = 0.025
TARGET_TASKS: Final = 2.0
BURST: Final = 2.0


@mypyc_attr(acyclic=True)
class Forecast(Record):
    """What is foreseen for one task, and the counters of the moment by which it is.

    Attributes:
        draining: nothing new may enter.
        free: a node takes it at once, with a free worker or as a prefetched task.
        size_bytes: of its payload.
        timeout_s: what remains until its deadline, 0 for none.
        run_s: what it is predicted to run, 0 if nothing was ever measured.
        work_s: the predicted work in the queue that goes before it.
        wait_s: how long it is predicted to wait: for that, and for what the nodes have; by one worker if there is none.
        may_wait_s: how long it may wait; infinity where that was not asked, since it need not wait for long.
        few: of its priority fewer wait than always may.
        queue_length, queue_bytes: what waits, announced payloads included.
        in_flight: tasks that nodes have.
        workers, nodes: those that take new tasks.
        outstanding, allowance: how many tasks its client has here, and how many it may have.
    """

    __slots__ = (
        *("draining", "free", "size_bytes", "timeout_s", "run_s", "work_s", "wait_s", "may_wait_s", "few"),
        *("queue_length", "queue_bytes", "in_flight", "workers", "nodes", "outstanding", "allowance"),
    )

    def __init__(
        self,
        *,
        draining: bool,
        free: bool,
        size_bytes: int,
        timeout_s: float,
        run_s: float,
        work_s: float,
        wait_s: float,
        may_wait_s: float,
        few: bool,
        queue_length: int,
        queue_bytes: int,
        in_flight: int,
        workers: int,
        nodes: int,
        outstanding: int,
        allowance: int,
    ) -> None:
        self.draining = draining
        self.free = free
        self.size_bytes = size_bytes
        self.timeout_s = timeout_s
        self.run_s = run_s
        self.work_s = work_s
        self.wait_s = wait_s
        self.may_wait_s = may_wait_s
        self.few = few
        self.queue_length = queue_length
        self.queue_bytes = queue_bytes
        self.in_flight = in_flight
        self.workers = workers
        self.nodes = nodes
        self.outstanding = outstanding
        self.allowance = allowance


@mypyc_attr(acyclic=True)
class Rejection(Record):
    """Why a task was not admitted: the answer to its client, and the forecast by which that was decided.

    ``client`` is the peer that has sent it, ``client_task_id`` its number there.
    """

    __slots__ = ("client", "client_task_id", "reason", "retry_after_s", "forecast")

    def __init__(
        self,
        client: PeerId,
        client_task_id: ClientTaskId,
        reason: RejectReason,
        retry_after_s: float,
        forecast: Forecast,
    ) -> None:
        self.client = client
        self.client_task_id = client_task_id
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.forecast = forecast


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
