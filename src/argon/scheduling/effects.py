"""What a state machine asks its shell to do. Plain records, which the shell performs in order.

A peer is an opaque id that the shell chose; a worker is a number that the node's state chose.
"""

from __future__ import annotations

from typing import TypeAlias

from mypy_extensions import mypyc_attr

from argon.protocol.ids import ClientTaskId, PeerId, WorkerId
from argon.protocol.messages import Answer, Assign, ExplainRequest, Message, StatusRequest
from argon.record import Record


@mypyc_attr(acyclic=True)
class Send(Record):
    """Say this to that peer."""

    __slots__ = ("peer", "message")

    def __init__(self, peer: PeerId, message: Message) -> None:
        self.peer = peer
        self.message = message


class Close(Record):
    """Say Goodbye with this reason, and close the connection once everything said before has left."""

    __slots__ = ("peer", "reason")

    def __init__(self, peer: PeerId, reason: str) -> None:
        self.peer = peer
        self.reason = reason


class DiscardPayload(Record):
    """Do not keep the payload that this peer has announced."""

    __slots__ = ("peer",)

    def __init__(self, peer: PeerId) -> None:
        self.peer = peer


class Report(Record):
    """Answer this peer's question about the cluster, or about a task, with what the state is now."""

    __slots__ = ("peer", "asked")

    def __init__(self, peer: PeerId, asked: StatusRequest | ExplainRequest) -> None:
        self.peer = peer
        self.asked = asked


class Stop(Record):
    """Everything is answered: end the role."""


class Spawn(Record):
    """Start a worker process under this number."""

    __slots__ = ("worker",)

    def __init__(self, worker: WorkerId) -> None:
        self.worker = worker


@mypyc_attr(acyclic=True)
class Give(Record):
    """Hand this task to that worker. It goes ``apart`` when it may run so long that what the worker has finished before
    must have been told by then."""

    __slots__ = ("worker", "assign", "apart")

    def __init__(self, worker: WorkerId, assign: Assign, apart: bool = False) -> None:
        self.worker = worker
        self.assign = assign
        self.apart = apart


class Recall(Record):
    """Take back what that worker has not begun, and report it."""

    __slots__ = ("worker",)

    def __init__(self, worker: WorkerId) -> None:
        self.worker = worker


class Kill(Record):
    """End that worker's process group: SIGTERM, or SIGKILL when forced."""

    __slots__ = ("worker", "forced")

    def __init__(self, worker: WorkerId, forced: bool) -> None:
        self.worker = worker
        self.forced = forced


class Retire(Record):
    """Let that worker end by itself: it has nothing left to do."""

    __slots__ = ("worker",)

    def __init__(self, worker: WorkerId) -> None:
        self.worker = worker


@mypyc_attr(acyclic=True)
class Settle(Record):
    """Give this outcome to the caller who waits for that task (a client's own number)."""

    __slots__ = ("task", "outcome")

    def __init__(self, task: ClientTaskId, outcome: Answer) -> None:
        self.task = task
        self.outcome = outcome


class Refused(Record):
    """Tell the caller that this task could not be cancelled: a node has it already."""

    __slots__ = ("task",)

    def __init__(self, task: ClientTaskId) -> None:
        self.task = task


ClusterEffect: TypeAlias = Send | Close | DiscardPayload | Report | Stop
NodeEffect: TypeAlias = Send | Close | Stop | Spawn | Give | Recall | Kill | Retire
ClientEffect: TypeAlias = Send | Close | Settle | Refused
