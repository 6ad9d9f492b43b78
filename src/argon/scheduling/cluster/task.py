"""The record of one task in the cluster, and the table of its states.

In: what its client has submitted. Out: a record that every part may hold; only the state machine moves it on. It must
never decide.

The outcome that arrives first wins, and an answer with an old attempt is counted and dropped.
"""

from __future__ import annotations

from math import inf
from typing import Final

from mypy_extensions import mypyc_attr

from argon.protocol.ids import ClientTaskId, PeerId, TaskId
from argon.protocol.messages import Payload, Submit
from argon.scheduling.cluster.task_history import TaskHistory
from argon.scheduling.transitions import NONE, State, Transition, Transitions


class TaskState:
    """Where the task is: the places in the states of ``TRANSITIONS``."""

    QUEUED: Final = 0
    ASSIGNED: Final = 1
    CANCELLING: Final = 2
    SETTLED: Final = 3


_QUEUED: Final = TaskState.QUEUED
_ASSIGNED: Final = TaskState.ASSIGNED
_CANCELLING: Final = TaskState.CANCELLING
_SETTLED: Final = TaskState.SETTLED

TRANSITIONS: Final = Transitions(
    "task",
    (
        State(
            "QUEUED",
            "in `TaskQueue`: in its client's lane of its priority; or, if it came back, in a lane that goes first",
        ),
        State("ASSIGNED", "in `NodeSession.tasks` of one node"),
        State("CANCELLING", "in the tasks of one node, which has been asked to end it"),
        State("SETTLED", "nowhere; tombstones in the queue and in its deadlines may still point at it"),
    ),
    (
        Transition(NONE, "Submit, admitted", _QUEUED, "for no time if a node takes it at once"),
        Transition(NONE, "Submit, rejected by [admission](scheduling.md#who-may-enter)", NONE, "REJECTED, did not run"),
        Transition(_QUEUED, "a node takes it", _ASSIGNED, "attempt n + 1"),
        Transition(_QUEUED, "its deadline passes", _SETTLED, "EXPIRED, did not run"),
        Transition(
            _QUEUED,
            "its turn comes, and such tasks typically take longer than it has left",
            _SETTLED,
            "EXPIRED, did not run",
        ),
        Transition(_QUEUED, "cancel asked, or its client is gone", _SETTLED, "CANCELLED, did not run"),
        Transition(_QUEUED, "a drain runs out of time", _SETTLED, "LOST, did not run"),
        Transition(_ASSIGNED, "the node reports COMPLETED, FAILED or EXPIRED", _SETTLED, "as reported"),
        Transition(_ASSIGNED, "the node reports LOST, did not run (it drains)", _QUEUED, "after 1,000 attempts LOST"),
        Transition(
            _ASSIGNED, "the node reports LOST, ran; the task is idempotent, lost fewer than three times", _QUEUED
        ),
        Transition(_ASSIGNED, "the node reports LOST, ran; otherwise", _SETTLED, "LOST, ran"),
        Transition(_ASSIGNED, "the node is lost; the task is idempotent, lost fewer than three times", _QUEUED),
        Transition(_ASSIGNED, "the node is lost; otherwise", _SETTLED, "LOST, unknown"),
        Transition(_ASSIGNED, "cancel asked, or its client is gone", _CANCELLING),
        Transition(_ASSIGNED, "a drain runs out of time", _SETTLED, "LOST, unknown; the node is asked to end it"),
        Transition(
            _CANCELLING, "the node reports COMPLETED, or FAILED because the task raised", _SETTLED, "as reported"
        ),
        Transition(
            _CANCELLING, "the node reports anything else, or is lost; a drain runs out of time", _SETTLED, "CANCELLED"
        ),
    ),
)


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

    def move(self, to: int) -> None:
        """Changes its state.

        Raises:
            InvalidTransition: ``TRANSITIONS`` has no such change: the caller has decided wrongly.
        """
        self.state = TRANSITIONS.move(self.state, to, self.id)


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
