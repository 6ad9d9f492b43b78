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
from argon.record import Record


class TaskState:
    """Which room the task is in. SETTLED ones are in none: only lazy leftovers still point at them."""

    QUEUED: Final = 0
    ASSIGNED: Final = 1
    CANCELLING: Final = 2
    SETTLED: Final = 3


class Choice:
    """Why a task went to its node."""

    FREE: Final = 0  # the least predicted finish among those with a free worker
    PREFETCHED: Final = 1  # no worker was free, and it is short
    KEY: Final = 2  # the node of its key
    SPILLED: Final = 3  # the node of its key had no room
    FASTER: Final = 4  # a worker was free, but it is done sooner where it waits a moment


@mypyc_attr(acyclic=True)
class Admission(Record):
    """What was ahead of a task when it entered the queue and on the nodes, and the ready workers that were to do it.

    ``work_s`` is predicted, and only of what was queued.
    """

    __slots__ = ("queue_length", "work_s", "in_flight", "workers")

    def __init__(self, queue_length: int, work_s: float, in_flight: int, workers: int) -> None:
        self.queue_length = queue_length
        self.work_s = work_s
        self.in_flight = in_flight
        self.workers = workers


@mypyc_attr(acyclic=True)
class Attempt(Record):
    """Why a task went to a node, by the numbers of that moment.

    ``free_nodes`` had a free worker; ``expected_s`` is what the task was predicted to run there, negative if nothing
    like it had been measured, ``measured`` whether that was this node's own time; ``wait_s`` is what was ahead of it
    there. ``next_node`` would have been next, in ``next_s``, its round trip included. ``end`` says why it came back.
    """

    __slots__ = (
        "node",
        "choice",
        "free_nodes",
        "expected_s",
        "measured",
        "wait_s",
        "next_node",
        "next_s",
        "end",
    )

    def __init__(
        self,
        node: str,
        choice: int,
        free_nodes: int,
        expected_s: float,
        measured: bool,
        wait_s: float,
        next_node: str,
        next_s: float,
    ) -> None:
        self.node = node
        self.choice = choice
        self.free_nodes = free_nodes
        self.expected_s = expected_s
        self.measured = measured
        self.wait_s = wait_s
        self.next_node = next_node
        self.next_s = next_s
        self.end = ""


@mypyc_attr(acyclic=True)
class Task:
    """One admitted task.

    ``client`` is the peer that waits for it, or None once that peer is gone; ``client_id`` is its number there.
    ``deadline`` is a moment on the cluster's monotonic clock, or infinity. It was ``queued_at`` here, and has waited
    ``since`` for its urgency, its client's own line included. ``predicted_s`` is what it was expected to take when it
    was last priced, ``charged_s`` what its client was charged for it when it left the queue. ``attempt`` counts its
    assignments, ``losses`` those of them that may have run and brought no answer.

    What follows is kept for who asks, and decides nothing: its client's ``session``, when it was submitted, what was
    ahead of it (``admission``, None if nothing was), whether it left the queue ``by_age``, the attempts that
    ``returned``, the one that was ``sent`` last, and how it ended, ``status`` being negative until then.
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
        "since",
        "state",
        "attempt",
        "node",
        "assigned_at",
        "wait_s",
        "predicted_s",
        "charged_s",
        "losses",
        "session",
        "submitted_at",
        "admission",
        "by_age",
        "returned",
        "sent",
        "status",
        "entered",
        "run_s",
        "ended_at",
    )

    def __init__(
        self,
        id: int,
        client: int,
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
        self.client: int | None = client
        self.client_id = client_id
        self.priority = priority
        self.kind = kind
        self.key = key
        self.idempotent = idempotent
        self.deadline = deadline
        self.payload = payload
        self.size_bytes = size_bytes
        self.queued_at = queued_at
        self.since = queued_at
        self.state: int = TaskState.QUEUED
        self.attempt = 0
        self.node = 0
        self.assigned_at = 0.0
        self.wait_s = 0.0
        self.predicted_s = 0.0
        self.charged_s = 0.0
        self.losses = 0
        self.session = client
        self.submitted_at = queued_at
        self.admission: Admission | None = None
        self.by_age = False
        self.returned: list[Attempt] | None = None
        self.sent: Attempt | None = None
        self.status = -1
        self.entered = 0
        self.run_s = 0.0
        self.ended_at = 0.0


def admitted_task(id_: int, client: int, m: Submit, size_bytes: int, now: float) -> Task:
    """The record of a task that was admitted now."""
    deadline = now + m.timeout_s if m.timeout_s else inf
    task = Task(id_, client, m.id, m.priority, m.kind, m.key, m.idempotent, deadline, m.payload, size_bytes, now)
    task.since = now - m.waited_s
    return task
