"""Whether a task may enter: arithmetic on counters, decided once, at the door.

In: a task's header and the counters of the moment. Out: None to admit it, or why not; when to come back; how many
tasks a client may have outstanding. It must never see a payload, keep a task, or cost more for a reject than for an
admission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from argon.protocol.messages import Refusal
from argon.record import Record
from argon.settings import ClusterSettings

if TYPE_CHECKING:
    from random import Random

_RETRY_MIN_S: Final = 0.01
_RETRY_MAX_S: Final = 30.0
_NO_NODES_RETRY_S: Final = 0.5


class Door(Record):
    """The counters of the moment. ``wait_s`` is the predicted work ahead divided by the ready workers."""

    __slots__ = ("draining", "nodes", "queue_length", "queue_bytes", "outstanding", "allowance", "wait_s")

    def __init__(
        self,
        draining: bool,
        nodes: int,
        queue_length: int,
        queue_bytes: int,
        outstanding: int,
        allowance: int,
        wait_s: float,
    ) -> None:
        self.draining = draining
        self.nodes = nodes
        self.queue_length = queue_length
        self.queue_bytes = queue_bytes
        self.outstanding = outstanding
        self.allowance = allowance
        self.wait_s = wait_s


def refusal(limits: ClusterSettings, door: Door, size_bytes: int, timeout_s: float, run_s: float) -> Refusal | None:
    """Decides about one task that cannot be assigned at once.

    Args:
        size_bytes: of its payload.
        timeout_s: what remains until its deadline, 0 for none.
        run_s: what it is predicted to take, 0 if unknown.
    """
    if door.draining:
        return Refusal.DRAINING
    if size_bytes > min(limits.max_payload_bytes, limits.queue_bytes):
        return Refusal.TOO_LARGE  # there will never be room
    if door.outstanding >= door.allowance:
        return Refusal.CLIENT_LIMIT
    if not door.nodes:
        return Refusal.NO_NODES
    if door.queue_length >= limits.queue_limit:
        return Refusal.QUEUE_FULL
    if door.queue_bytes + size_bytes > limits.queue_bytes:
        return Refusal.QUEUE_BYTES
    if timeout_s and door.wait_s + run_s > timeout_s:
        return Refusal.DEADLINE
    return None


def retry_after_s(reason: Refusal, wait_s: float, rng: Random) -> float:
    """When to come back: the predicted wait, times one half to one and a half, so that clients return apart."""
    if reason is Refusal.TOO_LARGE:
        return 0.0
    expected_s = max(wait_s, _NO_NODES_RETRY_S if reason is Refusal.NO_NODES else _RETRY_MIN_S)
    return min(_RETRY_MAX_S, expected_s * (0.5 + rng.random()))


def client_credits(queue_limit: int, workers: int, in_flight: int, active_clients: int) -> int:
    """How many tasks one client may have outstanding: its share of the queue and of what the nodes are working on."""
    return max(1, (queue_limit + max(workers, in_flight)) // max(1, active_clients))
