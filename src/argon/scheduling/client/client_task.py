"""The record of one task in a client, and the table of its states. Only the client's state machine changes it."""

from __future__ import annotations

from math import inf
from typing import Final

from mypy_extensions import mypyc_attr

from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import Payload, Submit
from argon.scheduling.task_options import TaskOptions
from argon.scheduling.transitions import NONE, State, Transition, Transitions


class ClientTaskState:
    """Where a task of a client is."""

    WAITING: Final = 0
    SENT: Final = 1
    CANCEL_REQUESTED: Final = 2
    ABANDONED: Final = 3
    SETTLED: Final = 4


_S = ClientTaskState
TRANSITIONS: Final = Transitions(
    "task of a client",
    (
        State("WAITING", "in `Backlog`: no credit, no connection, or the backlog is blocked after a rejection"),
        State("SENT", "with the cluster"),
        State("CANCEL_REQUESTED", "with the cluster, which was asked to end it"),
        State("ABANDONED", "its caller has an outcome, and the cluster has not answered: it still takes a credit"),
        State("SETTLED", "nowhere; tombstones in `Backlog` and `Deadlines` may still point at it"),
    ),
    (
        Transition(NONE, "submit", _S.WAITING),
        Transition(
            NONE,
            "submit over the payload limit; or with `retries=0` and no connection or no credit left",
            NONE,
            "REJECTED at once, without a round trip",
        ),
        Transition(NONE, "submit after its deadline", NONE, "EXPIRED, did not run"),
        Transition(
            _S.WAITING,
            "its turn: a connection and a credit, and the backlog is not blocked, or there is a credit offer",
            _S.SENT,
        ),
        Transition(
            _S.WAITING,
            "its deadline passes while the backlog is blocked, or a retry probe uses up its retries",
            _S.SETTLED,
            "REJECTED, as the task that blocked the backlog",
        ),
        Transition(_S.WAITING, "its deadline passes otherwise", _S.SETTLED, "EXPIRED, did not run"),
        Transition(_S.WAITING, "cancel", _S.SETTLED, "CANCELLED, did not run"),
        Transition(_S.WAITING, "the client is closed", _S.SETTLED, "LOST, did not run"),
        Transition(_S.SENT, "an answer other than a rejection", _S.SETTLED, "as it says"),
        Transition(_S.SENT, "rejected other than as too large, with retries and time left", _S.WAITING, "in its place"),
        Transition(_S.SENT, "rejected, and a queued-only cancel was asked for", _S.SETTLED, "CANCELLED, did not run"),
        Transition(_S.SENT, "rejected otherwise", _S.SETTLED, "REJECTED"),
        Transition(_S.SENT, "cancel", _S.CANCEL_REQUESTED, "the cluster is asked to end it"),
        Transition(_S.SENT, "the connection is lost; the cluster has not read the task", _S.WAITING, "in its place"),
        Transition(
            _S.SENT,
            "the connection is lost; the cluster has not read the task, and `retries=0` or a cancel was asked for",
            _S.SETTLED,
            "REJECTED or CANCELLED, did not run",
        ),
        Transition(_S.SENT, "the connection is lost; the task is idempotent", _S.WAITING, "in its place"),
        Transition(_S.SENT, "the connection is lost; otherwise", _S.SETTLED, "LOST, unknown"),
        Transition(
            _S.SENT,
            "its deadline and one second more pass without an answer",
            _S.ABANDONED,
            "EXPIRED, unknown; the cluster is asked to cancel it",
        ),
        Transition(_S.SENT, "the client is closed", _S.SETTLED, "LOST, unknown"),
        Transition(_S.CANCEL_REQUESTED, "an answer other than a rejection", _S.SETTLED, "as it says"),
        Transition(_S.CANCEL_REQUESTED, "rejected", _S.SETTLED, "CANCELLED, did not run"),
        Transition(
            _S.CANCEL_REQUESTED,
            "the connection is lost",
            _S.SETTLED,
            "CANCELLED; unknown, or did not run if the cluster has not read it",
        ),
        Transition(
            _S.CANCEL_REQUESTED,
            "its deadline and one second more pass without an answer",
            _S.ABANDONED,
            "EXPIRED, unknown; the cluster is asked to cancel it",
        ),
        Transition(_S.CANCEL_REQUESTED, "the client is closed", _S.SETTLED, "LOST, unknown"),
        Transition(_S.ABANDONED, "any answer, or the connection is lost", _S.SETTLED, "nobody waits for it"),
    ),
)


@mypyc_attr(acyclic=True)
class ClientTask:
    """One task of this client.

    It came at ``since``; ``deadline`` is when its timeout passes, infinity for never, and at ``stale_at`` half of that
    time is over. ``may_have_run`` is whether the cluster had it on a connection that was lost, ``cancel_if_queued``
    whether its caller wants it only if a node has it.
    """

    __slots__ = (
        "client_task_id",
        "kind",
        "payload",
        "options",
        "since",
        "deadline",
        "stale_at",
        "state",
        "may_have_run",
        "cancel_if_queued",
        "rejections",
    )

    def __init__(
        self,
        client_task_id: ClientTaskId,
        kind: int,
        payload: Payload,
        options: TaskOptions,
        since: float,
        deadline: float,
    ) -> None:
        self.client_task_id = client_task_id
        self.kind = kind
        self.payload = payload
        self.options = options
        self.since = since
        self.deadline = deadline
        self.stale_at = (since + deadline) / 2.0
        self.state = ClientTaskState.WAITING
        self.may_have_run = False
        self.cancel_if_queued = False
        self.rejections = 0

    def move(self, to: int) -> None:
        """Brings it into another state.

        Raises:
            InvalidTransition: its table has no such transition.
        """
        self.state = TRANSITIONS.move(self.state, to, self.client_task_id)

    def as_submit(self, now: float) -> Submit:
        """What the cluster is told of it."""
        options = self.options
        return Submit(
            id=self.client_task_id,
            priority=options.priority,
            idempotent=options.idempotent,
            timeout_s=0.0 if self.deadline == inf else self.deadline - now,
            kind=self.kind,
            key=options.key,
            payload=self.payload,
            waited_s=now - self.since,
        )

    def is_sent(self) -> bool:
        """Whether the cluster has it, and its caller waits for the cluster's answer."""
        return self.state == ClientTaskState.SENT or self.state == ClientTaskState.CANCEL_REQUESTED


def waits_for_answer(task: ClientTask) -> bool:
    """Whether its caller has no answer yet."""
    return task.state < ClientTaskState.ABANDONED
