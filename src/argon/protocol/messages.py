"""Everything that is said on an Argon connection, as typed records.

In: fields. Out: fields. A payload is bytes that only the worker and the client understand: nothing in this package
looks inside. Times travel as seconds *remaining* or *taken*, never as moments, since no two machines share a clock.

Who says what: a client says Submit, Cancel, StatusRequest, ExplainRequest; the cluster says Outcome, StillRunning,
StatusReply, ExplainReply to clients and Assign, Cancel to nodes; a node says Register, Capacity, Outcome. Everybody
says Heartbeat, Drain and Goodbye. There is no "accepted": silence is admission, and each Submit gets exactly one
Outcome.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import msgspec
from mypy_extensions import mypyc_attr

from argon.protocol.ids import ClientTaskId
from argon.record import Record

Payload: TypeAlias = bytes | tuple[bytes | memoryview, ...]
"""Opaque bytes; a large payload is a tuple of the chunks in which it came, never joined on the way."""


def payload_bytes(payload: Payload) -> int:
    """The size of a payload in bytes."""
    return len(payload) if isinstance(payload, bytes) else sum(len(chunk) for chunk in payload)


class Status(IntEnum):
    """How a task ended: what an Outcome says."""

    COMPLETED = 0
    FAILED = 1
    REJECTED = 2
    EXPIRED = 3
    CANCELLED = 4
    LOST = 5


class Entered(IntEnum):
    """Whether a worker entered the function (``may_have_run`` on the wire)."""

    NO = 0
    YES = 1
    UNKNOWN = 2


class Refusal(IntEnum):
    """Why a task was rejected, on the wire."""

    QUEUE_FULL = 0
    QUEUE_BYTES = 1
    NO_NODES = 2
    DRAINING = 3
    CLIENT_LIMIT = 4
    TOO_LARGE = 5
    DEADLINE = 6


class FailureKind(IntEnum):
    """Who wrote the payload of a FAILED outcome: the worker (opaque), or the node (a Detail)."""

    RAISED = 0
    WORKER_DIED = 1


@mypyc_attr(acyclic=True)
class Submit(Record):
    """A client hands over a task. ``id`` is the client's own sequence number in its session.

    ``timeout_s`` is what remains, 0 for none; ``waited_s`` is for how long its caller has waited already.
    """

    __slots__ = ("id", "priority", "idempotent", "timeout_s", "kind", "key", "payload", "waited_s")

    def __init__(
        self,
        id: ClientTaskId,
        priority: int,
        idempotent: bool,
        timeout_s: float,
        kind: int,
        key: int,
        payload: Payload,
        waited_s: float = 0.0,
    ) -> None:
        self.id = id
        self.priority = priority
        self.idempotent = idempotent
        self.timeout_s = timeout_s
        self.kind = kind
        self.key = key
        self.payload = payload
        self.waited_s = waited_s


@mypyc_attr(acyclic=True)
class Assign(Record):
    """The cluster hands a task to a node, or a node to a worker. ``timeout_s`` is what remains, 0 for none.

    ``max_result_bytes`` is for the worker: how large its answer may be, 0 for no limit but its own.
    """

    __slots__ = ("id", "attempt", "priority", "timeout_s", "kind", "payload", "max_result_bytes")

    def __init__(
        self,
        id: int,
        attempt: int,
        priority: int,
        timeout_s: float,
        kind: int,
        payload: Payload,
        max_result_bytes: int = 0,
    ) -> None:
        self.id = id
        self.attempt = attempt
        self.priority = priority
        self.timeout_s = timeout_s
        self.kind = kind
        self.payload = payload
        self.max_result_bytes = max_result_bytes


@mypyc_attr(acyclic=True)
class Outcome(Record):
    """The one answer to a task. ``credits`` is how many tasks the client may have outstanding from now on.

    ``wait_s`` is the time in the queue; for a REJECTED outcome it is ``retry_after``. ``detail`` is a Refusal for
    REJECTED and a FailureKind for FAILED. A payload written by the cluster or a node is an encoded Detail.
    """

    __slots__ = ("id", "status", "entered", "attempt", "run_s", "wait_s", "credits", "detail", "payload")

    def __init__(
        self,
        id: int,
        status: int,
        entered: int = Entered.UNKNOWN,
        attempt: int = 0,
        run_s: float = 0.0,
        wait_s: float = 0.0,
        credits: int = 0,
        detail: int = 0,
        payload: Payload = b"",
    ) -> None:
        self.id = id
        self.status = status
        self.entered = entered
        self.attempt = attempt
        self.run_s = run_s
        self.wait_s = wait_s
        self.credits = credits
        self.detail = detail
        self.payload = payload


class Cancel(Record):
    """Stop this task. ``queued_only`` leaves a task alone that a node already has; the answer is then StillRunning."""

    __slots__ = ("id", "queued_only")

    def __init__(self, id: int, queued_only: bool = False) -> None:
        self.id = id
        self.queued_only = queued_only


class StillRunning(Record):
    """The answer to a ``queued_only`` Cancel that came too late; the task's Outcome will follow as usual."""

    __slots__ = ("id",)

    def __init__(self, id: ClientTaskId) -> None:
        self.id = id


class Announced(Record):
    """Not on the wire: the header of a large Submit has arrived, its payload is on the way."""

    __slots__ = ("submit", "size_bytes")

    def __init__(self, submit: Submit, size_bytes: int) -> None:
        self.submit = submit
        self.size_bytes = size_bytes


class Oversized(Record):
    """Not on the wire: the header of a Submit over the payload limit has arrived; its payload is being skipped."""

    __slots__ = ("id", "size_bytes")

    def __init__(self, id: ClientTaskId, size_bytes: int) -> None:
        self.id = id
        self.size_bytes = size_bytes


class Welcome(msgspec.Struct):
    """The cluster's first message after the handshake."""

    session: int
    credits: int
    max_payload_bytes: int
    heartbeat_s: float
    dead_after_s: float


class Register(msgspec.Struct):
    """A node's first message: who it is. Capacity says later how many of its workers are ready.

    ``incarnation`` is drawn at random when the node starts: it tells a reconnecting node from another of the same name.
    """

    name: str
    incarnation: int


class Capacity(msgspec.Struct):
    """How many of a node's workers are alive and ready for tasks, and how busy its machine is, from now on.

    ``pressure`` is from 0, nothing on the machine waits for a CPU, to 1, something always does.
    """

    workers: int
    pressure: float = 0.0


class Heartbeat(msgspec.Struct):
    """Still here. Any bytes that arrive say the same; this is for when there is nothing else to say.

    To a client it says how many tasks it may have outstanding from now on; 0 says nothing of it.
    """

    credits: int = 0


class Drain(msgspec.Struct):
    """A node says: no new tasks, please; I finish what I have and leave. The cluster's echo: none will come.

    To a client the cluster says it last: all that was read from you is answered, and nothing more will be read.
    """


class Goodbye(msgspec.Struct):
    """The connection ends here, for this reason."""

    reason: str


class StatusRequest(msgspec.Struct):
    """A client asks for the numbers."""


class StatusReply(msgspec.Struct):
    """The numbers, as JSON text."""

    text: bytes


class ExplainRequest(msgspec.Struct):
    """A client asks what became of a task, its own or another's: the session of its client, and its number there."""

    session: int
    sequence: int


class ExplainReply(msgspec.Struct):
    """What is known of the task, as JSON text."""

    text: bytes


Message: TypeAlias = (
    Submit
    | Assign
    | Outcome
    | Cancel
    | StillRunning
    | Announced
    | Oversized
    | Welcome
    | Register
    | Capacity
    | Heartbeat
    | Drain
    | Goodbye
    | StatusRequest
    | StatusReply
    | ExplainRequest
    | ExplainReply
)
