"""Whether a task may enter: arithmetic on counters, decided once, at the door.

In: a task's header and the counters of the moment. Out: None to admit it, or why not; how long the queue may stand;
when to come back. It must never see a payload, keep a task, or cost more for a reject than for an admission.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from argon.errors import RejectReason
from argon.record import Record
from argon.settings import ClusterSettings

if TYPE_CHECKING:
    from random import Random

TARGET_MIN_S: Final = 0.025
TARGET_TASKS: Final = 2.0
BURST: Final = 2.0
_RETRY_MIN_S: Final = 0.01
_RETRY_MAX_S: Final = 30.0
_NO_NODES_RETRY_S: Final = 0.5
_BOOKED_MAX_S: Final = 5.0


class Door(Record):
    """The counters of the moment, for one task.

    ``free`` is whether a worker is free for it; ``wait_s`` is how long it is predicted to wait where it would stand,
    ``may_wait_s`` how long it may, and ``few`` is whether of its priority fewer wait than always may.
    """

    __slots__ = (
        "draining",
        "free",
        "nodes",
        "queue_length",
        "queue_bytes",
        "outstanding",
        "allowance",
        "wait_s",
        "may_wait_s",
        "few",
    )

    def __init__(
        self,
        draining: bool,
        free: bool,
        nodes: int,
        queue_length: int,
        queue_bytes: int,
        outstanding: int,
        allowance: int,
        wait_s: float,
        may_wait_s: float,
        few: bool,
    ) -> None:
        self.draining = draining
        self.free = free
        self.nodes = nodes
        self.queue_length = queue_length
        self.queue_bytes = queue_bytes
        self.outstanding = outstanding
        self.allowance = allowance
        self.wait_s = wait_s
        self.may_wait_s = may_wait_s
        self.few = few


def refusal(limits: ClusterSettings, door: Door, size_bytes: int, timeout_s: float) -> RejectReason | None:
    """Decides about one task, but for what it takes to run.

    Since ``wait_s`` is that of the task's own place, those of low priority and of clients that have much waiting are
    refused first when the queue stands. But a few of each priority may always wait, so that none is kept out for good:
    each goes when it has aged.

    Args:
        size_bytes: of its payload.
        timeout_s: what remains until its deadline, 0 for none.
    """
    if door.draining:
        return RejectReason.DRAINING
    if not door.free and size_bytes > min(limits.max_payload_bytes, limits.queue_bytes):
        return RejectReason.TOO_LARGE  # there will never be room
    if door.outstanding >= door.allowance:
        return RejectReason.CLIENT_LIMIT
    if door.free:
        return None
    if not door.nodes:
        return RejectReason.NO_NODES
    if door.queue_length >= limits.queue_limit:
        return RejectReason.QUEUE_FULL
    if door.queue_bytes + size_bytes > limits.queue_bytes:
        return RejectReason.QUEUE_BYTES
    if door.wait_s > door.may_wait_s and not door.few:
        return RejectReason.QUEUE_FULL
    if timeout_s and door.wait_s > timeout_s:
        return RejectReason.DEADLINE
    return None


def queue_target_s(limits: ClusterSettings, mean_run_s: float) -> float:
    """How long the queue may stand, in seconds of work for all workers: as set, or by what a task takes on average.

    A queue need be no longer than what keeps every worker busy until the next tasks come. Two tasks for each worker do
    that; of very short ones, as many as come while a process is held up.
    """
    if limits.queue_target_s is not None:
        return limits.queue_target_s
    return max(TARGET_MIN_S, TARGET_TASKS * mean_run_s) if mean_run_s else inf


@mypyc_attr(acyclic=True)
class Rejection(Record):
    """Why a task was not admitted, by the numbers of that moment. ``run_s`` is predicted, 0 if unknown or not asked;
    ``work_s`` is that of the queue, and ``wait_s`` counts what the nodes have as well; ``may_wait_s`` is how long it
    might have waited, infinity if that was not asked."""

    __slots__ = (
        "session",
        "sequence",
        "reason",
        "retry_after_s",
        "size_bytes",
        "timeout_s",
        "run_s",
        "wait_s",
        "may_wait_s",
        "queue_length",
        "queue_bytes",
        "work_s",
        "workers",
        "nodes",
        "outstanding",
        "allowance",
    )

    def __init__(
        self,
        session: int,
        sequence: int,
        reason: RejectReason,
        retry_after_s: float,
        size_bytes: int,
        timeout_s: float,
        run_s: float,
        wait_s: float,
        may_wait_s: float,
        queue_length: int,
        queue_bytes: int,
        work_s: float,
        workers: int,
        nodes: int,
        outstanding: int,
        allowance: int,
    ) -> None:
        self.session = session
        self.sequence = sequence
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.size_bytes = size_bytes
        self.timeout_s = timeout_s
        self.run_s = run_s
        self.wait_s = wait_s
        self.may_wait_s = may_wait_s
        self.queue_length = queue_length
        self.queue_bytes = queue_bytes
        self.work_s = work_s
        self.workers = workers
        self.nodes = nodes
        self.outstanding = outstanding
        self.allowance = allowance


class Returns:
    """When those who were rejected are to come back: so that they do not come faster than workers become free.

    Each is booked with the time for which it will keep the fleet busy. Bookings wear off as time passes.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._booked_s = 0.0
        self._at = 0.0

    def retry_after_s(self, reason: RejectReason, wait_s: float, work_s: float, now: float) -> float:
        """When to come back: the predicted wait, or the time that all who were told so before will take if that is
        longer, times one half to one and a half, so that they come back apart.

        Args:
            wait_s: predicted work ahead of it divided by the capacity of the moment.
            work_s: its own predicted work divided by that.
        """
        if reason is RejectReason.TOO_LARGE:
            return 0.0
        self._booked_s = min(_BOOKED_MAX_S, max(0.0, self._booked_s - (now - self._at)) + work_s)
        self._at = now
        least_s = _NO_NODES_RETRY_S if reason is RejectReason.NO_NODES else _RETRY_MIN_S
        return min(_RETRY_MAX_S, max(wait_s, self._booked_s, least_s) * (0.5 + self._rng.random()))
