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

from enum import IntEnum
from math import inf

import msgspec

from argon.protocol.messages import Payload, Submit


class TaskState(IntEnum):
    """Which room the task is in. SETTLED ones are in none: only lazy leftovers still point at them."""

    QUEUED = 0
    ASSIGNED = 1
    CANCELLING = 2
    SETTLED = 3


class Task(msgspec.Struct, eq=False, gc=False):
    """One admitted task.

    ``client`` is the peer that waits for it, or None once that peer is gone; ``client_id`` is its number there.
    ``deadline`` is a moment on the cluster's monotonic clock, or infinity. ``predicted_s`` is what it was expected to
    take when it was last priced, ``charged_s`` what its client was charged for it when it left the queue.
    ``may_have_run`` is whether a node that had it was lost.
    """

    id: int
    client: int | None
    client_id: int
    priority: int
    kind: int
    key: int
    idempotent: bool
    deadline: float
    payload: Payload
    size_bytes: int
    queued_at: float
    state: TaskState = TaskState.QUEUED
    attempt: int = 0
    node: int = 0
    assigned_at: float = 0.0
    wait_s: float = 0.0
    predicted_s: float = 0.0
    charged_s: float = 0.0
    may_have_run: bool = False


def admitted_task(id_: int, client: int, m: Submit, size_bytes: int, now: float) -> Task:
    """The record of a task that was admitted now."""
    deadline = now + m.timeout_s if m.timeout_s else inf
    return Task(id_, client, m.id, m.priority, m.kind, m.key, m.idempotent, deadline, m.payload, size_bytes, now)
