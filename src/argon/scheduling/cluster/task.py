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

from argon.protocol.ids import ClientTaskId, PeerId, TaskId
from argon.protocol.messages import Payload, Submit
from argon.scheduling.cluster.task_history import TaskHistory


class TaskState:
    """Which room the task is in. SETTLED ones are in none: only lazy leftovers still point at them."""

    QUEUED: Final = 0
    ASSIGNED: Final = 1
    CANCELLING: Final = 2
    SETTLED: Final = 3


class Choice:
    """Why a task went to its node."""

    FREE: Final = 0  # the least predicted finish among those with a free worker
    AHEAD: Final = 1  # no worker was free, and it is short
    KEY: Final = 2  # the node of its key
    SPILLED: Final = 3  # the node of its key had no room
    FASTER: Final = 4  # a worker was free, but it is done sooner where it waits a moment


@mypyc_attr(acyclic=True)
class Task:
    """One admitted task.

    Attributes:
        id: the cluster's number of it.
        client: the peer that waits for it, None once that peer is gone.
        client_task_id: its number there.
        priority, kind, key, idempotent, payload: as it was submitted; the payload goes when it has ended.
        deadline: a moment on the cluster's monotonic clock, or infinity.
        size_bytes: of its payload.
        queued_at: when it came into the queue, the last time.
        since: since when it waits for its urgency, in its client too.
        state: see ``TaskState``; only ``move`` changes it.
        attempt: how often it was assigned.
        losses: how many attempts may have run and brought no answer.
        node, assigned_at: where and when it was assigned, the last time.
        wait_s: how long it was in the queue, together.
        predicted_s: what it was expected to take when it was last priced.
        charged_s: what its client was charged for it when it left the queue.
        history: what is kept for who asks; nothing that decides reads it.
    """

    __slots__ = (
        *("id", "client", "client_task_id", "priority", "kind", "key", "idempotent", "deadline", "payload"),
        *("size_bytes", "queued_at", "since", "state", "attempt", "losses", "node", "assigned_at", "wait_s"),
        *("predicted_s", "charged_s", "history"),
    )

    def __init__(
        self,
        *,
        id: TaskId,
        client: PeerId,
        client_task_id: ClientTaskId,
        priority: int,
        kind: int,
        key: int,
        idempotent: bool,
        deadline: float,
        payload: Payload,
        size_bytes: int,
        queued_at: float,
        since: float,
    ) -> None:
        self.id = id
        self.client: PeerId | None = client
        self.client_task_id = client_task_id
        self.priority = priority
        self.kind = kind
        self.key = key
        self.idempotent = idempotent
        self.deadline = deadline
        self.payload = payload
        self.size_bytes = size_bytes
        self.queued_at = queued_at
        self.since = since
        self.state: int = TaskState.QUEUED
        self.attempt = 0
        self.losses = 0
        self.node: PeerId = 0
        self.assigned_at = 0.0
        self.wait_s = 0.0
        self.predicted_s = 0.0
        self.charged_s = 0.0
        self.history = TaskHistory(client, queued_at)


def admitted_task(task_id: TaskId, client: PeerId, m: Submit, size_bytes: int, now: float) -> Task:
    """The record of a task that was admitted now."""
    return Task(
        id=task_id,
        client=client,
        client_task_id=m.id,
        priority=m.priority,
        kind=m.kind,
        key=m.key,
        idempotent=m.idempotent,
        deadline=now + m.timeout_s if m.timeout_s else inf,
        payload=m.payload,
        size_bytes=size_bytes,
        queued_at=now,
        since=now - m.waited_s,
    )
