"""The record of one task in a client. What it decides is its caller's: only the state machine changes it."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from argon.protocol.messages import Payload
from argon.scheduling.task_options import TaskOptions


@mypyc_attr(acyclic=True)
class ClientTask:
    """One task of this client.

    It came at ``since``; ``deadline`` is when its timeout passes, infinity for never, and at ``stale_at`` half of that
    time is over.
    ``waits`` is whether it is in the backlog, ``sent`` whether the cluster has it, ``may_have_run`` whether it had it
    on a connection that was lost. ``cancelled`` is whether its caller wants it no more, ``stop_queued`` whether it is
    wanted only if a node has it.
    """

    __slots__ = (
        "client_task_id",
        "kind",
        "payload",
        "options",
        "since",
        "deadline",
        "stale_at",
        "waits",
        "sent",
        "may_have_run",
        "cancelled",
        "stop_queued",
        "rejections",
    )

    def __init__(
        self, client_task_id: int, kind: int, payload: Payload, options: TaskOptions, since: float, deadline: float
    ) -> None:
        self.client_task_id = client_task_id
        self.kind = kind
        self.payload = payload
        self.options = options
        self.since = since
        self.deadline = deadline
        self.stale_at = (since + deadline) / 2.0
        self.waits = False
        self.sent = False
        self.may_have_run = False
        self.cancelled = False
        self.stop_queued = False
        self.rejections = 0
