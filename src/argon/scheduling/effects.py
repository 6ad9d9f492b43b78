"""What a state machine asks its shell to do. Plain records, which the shell performs in order; a
node's shell performs recalls last, since each brings back an event of its own.

A peer is an opaque id that the shell chose; a worker is a number that the node's state chose.
"""

from __future__ import annotations

from typing import TypeAlias

from mypy_extensions import mypyc_attr

from argon.protocol.ids import ClientTaskId, LocalTaskId, PeerId, WorkerId
from argon.protocol.messages import Answer, ExplainRequest, Message, Payload, StatusRequest
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
class AssignWorker(Record):
    """Hand this task to that worker. ``timeout_s`` is what remains, 0 for none.

    It goes in a packet of its own when it may run so long that what the worker has finished before must be sent first.
    """

    __slots__ = ("worker", "local_task_id", "timeout_s", "payload", "own_packet")

    def __init__(
        self, worker: WorkerId, local_task_id: LocalTaskId, timeout_s: float, payload: Payload, own_packet: bool = False
    ) -> None:
        self.worker = worker
        self.local_task_id = local_task_id
        self.timeout_s = timeout_s
        self.payload = payload
        self.own_packet = own_packet


class Recall(Record):
    """Take back what that worker has not started, and report it."""

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
    """Give this answer to the caller who waits for that task (a client's own number)."""

    __slots__ = ("task", "answer")

    def __init__(self, task: ClientTaskId, answer: Answer) -> None:
        self.task = task
        self.answer = answer


class CancelTooLate(Record):
    """Answer the queued-only cancel of this task: a node has the task already, and it goes on."""

    __slots__ = ("task",)

    def __init__(self, task: ClientTaskId) -> None:
        self.task = task


ClusterEffect: TypeAlias = Send | Close | DiscardPayload | Report | Stop
NodeEffect: TypeAlias = Send | Close | Stop | Spawn | AssignWorker | Recall | Kill | Retire
ClientEffect: TypeAlias = Send | Close | Settle | CancelTooLate
