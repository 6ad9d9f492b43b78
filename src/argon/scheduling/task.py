"""The record of one task in the cluster. Every scheduling room may hold one; only the corridor changes its state.

    from        cause                                              to
    –           admitted                                           QUEUED
    QUEUED      node chosen                                        ASSIGNED (attempt n)
    QUEUED      cancel asked or client gone / deadline passed      settled: CANCELLED / EXPIRED
    ASSIGNED    outcome arrives                                    settled: COMPLETED / FAILED / EXPIRED
    ASSIGNED    cancel asked or client gone                        CANCELLING
    ASSIGNED    node lost                                          settled: LOST; if idempotent, QUEUED (attempt n+1)
    ASSIGNED    node gives it back, never begun                    QUEUED (attempt n+1)
    CANCELLING  COMPLETED or FAILED arrives / anything else        settled: as it says / CANCELLED

The outcome that arrives first wins, and an answer with an old attempt is counted and dropped.
"""

from __future__ import annotations

from math import inf
from typing import Final

from mypy_extensions import mypyc_attr

from argon.protocol.messages import Payload, Submit


class TaskState:
    """Which room the task is in. SETTLED ones are in none: only lazy leftovers still point at them."""

    QUEUED: Final = 0
    ASSIGNED: Final = 1
    CANCELLING: Final = 2
    SETTLED: Final = 3


@mypyc_attr(acyclic=True)
class Task:
    """One admitted task.

    ``client`` is the peer that waits for it, or None once that peer is gone; ``client_id`` is its number there.
    ``deadline`` is a moment on the cluster's monotonic clock, or infinity. ``predicted_s`` is what it was expected to
    take when it was last priced, ``charged_s`` what its client was charged for it when it left the queue.
    ``attempt`` counts its assignments, ``losses`` those of them that may have run and brought no answer.
    """

    __slots__ = (
        "id",
        "client",
        "client_id",
        "priority",
        "kind",
        "key",
        "idempotent",
        "deadline",
        "payload",
        "size_bytes",
        "queued_at",
        "state",
        "attempt",
        "node",
        "assigned_at",
        "wait_s",
        "predicted_s",
        "charged_s",
        "losses",
    )

    def __init__(
        self,
        id: int,
        client: int | None,
        client_id: int,
        priority: int,
        kind: int,
        key: int,
        idempotent: bool,
        deadline: float,
        payload: Payload,
        size_bytes: int,
        queued_at: float,
    ) -> None:
        self.id = id
        self.client = client
        self.client_id = client_id
        self.priority = priority
        self.kind = kind
        self.key = key
        self.idempotent = idempotent
        self.deadline = deadline
        self.payload = payload
        self.size_bytes = size_bytes
        self.queued_at = queued_at
        self.state: int = TaskState.QUEUED
        self.attempt = 0
        self.node = 0
        self.assigned_at = 0.0
        self.wait_s = 0.0
        self.predicted_s = 0.0
        self.charged_s = 0.0
        self.losses = 0


def admitted_task(id_: int, client: int, m: Submit, size_bytes: int, now: float) -> Task:
    """The record of a task that was admitted now."""
    deadline = now + m.timeout_s if m.timeout_s else inf
    return Task(id_, client, m.id, m.priority, m.kind, m.key, m.idempotent, deadline, m.payload, size_bytes, now)
