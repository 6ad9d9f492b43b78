"""Everything that is said on an Argon connection, as typed records.

In: fields. Out: fields. A payload is bytes that only the worker and the client understand: nothing in this package
looks inside. Times travel as seconds *remaining* or *taken*, never as moments, since no two machines share a clock.

Who says what: a client says Submit, Cancel, StatusRequest, ExplainRequest; the cluster says Outcome, Reject,
StillRunning, StatusReply, ExplainReply to clients and Assign, Cancel to nodes; a node says Register, Capacity, Outcome.
Everybody says Heartbeat, Drain and Goodbye. There is no "accepted": silence is admission, and each Submit gets exactly
one Outcome or Reject.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from mypy_extensions import mypyc_attr

from argon.errors import RejectReason
from argon.protocol.ids import ClientTaskId
from argon.record import Record

Payload: TypeAlias = bytes | tuple[bytes | memoryview, ...]
"""Opaque bytes; a large payload is a tuple of the chunks in which it came, never joined on the way."""


def payload_bytes(payload: Payload) -> int:
    """The size of a payload in bytes."""
    return len(payload) if isinstance(payload, bytes) else sum(len(chunk) for chunk in payload)


class Status:
    """How a task ended. Plain numbers, not an enumeration: they are asked for with every task.

    LOST from a node, with ``Entered.NO``, is a task that it returns without having started it.
    """

    COMPLETED: Final = 0
    FAILED: Final = 1
    REJECTED: Final = 2
    EXPIRED: Final = 3
    CANCELLED: Final = 4
    LOST: Final = 5


STATUS_NAMES: Final = ("COMPLETED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED", "LOST")


class Entered:
    """Whether a worker entered the function: the places of ``errors.MayHaveRun``."""

    NO: Final = 0
    YES: Final = 1
    UNKNOWN: Final = 2


class FailureKind:
    """Who wrote the payload of a FAILED outcome: the worker (opaque), or the node (a Diagnosis)."""

    RAISED: Final = 0
    WORKER_DIED: Final = 1


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
    """The cluster hands a task to a node. ``timeout_s`` is what remains, 0 for none."""

    __slots__ = ("id", "attempt", "priority", "timeout_s", "kind", "payload")

    def __init__(
        self,
        id: int,
        attempt: int,
        priority: int,
        timeout_s: float,
        kind: int,
        payload: Payload,
    ) -> None:
        self.id = id
        self.attempt = attempt
        self.priority = priority
        self.timeout_s = timeout_s
        self.kind = kind
        self.payload = payload


@mypyc_attr(acyclic=True)
class Outcome(Record):
    """The one answer to a task that was admitted. ``credits`` is how many tasks the client may have outstanding.

    ``queued_s`` is the time in the queue. A payload written by the cluster or a node is an encoded Diagnosis.
    """

    __slots__ = ("id", "status", "entered", "attempt", "run_s", "queued_s", "credits", "failure_kind", "payload")

    def __init__(
        self,
        id: int,
        status: int,
        entered: int = Entered.UNKNOWN,
        attempt: int = 0,
        run_s: float = 0.0,
        queued_s: float = 0.0,
        credits: int = 0,
        failure_kind: int = FailureKind.RAISED,
        payload: Payload = b"",
    ) -> None:
        self.id = id
        self.status = status
        self.entered = entered
        self.attempt = attempt
        self.run_s = run_s
        self.queued_s = queued_s
        self.credits = credits
        self.failure_kind = failure_kind
        self.payload = payload


@mypyc_attr(acyclic=True)
class Reject(Record):
    """The one answer to a task that was not admitted, and so never ran.

    ``retry_after_s`` is when to try again, 0 for never. Not on the wire are ``why``, in words, and ``local``: that the
    client itself rejected the task.
    """

    __slots__ = ("id", "reason", "retry_after_s", "credits", "why", "local")

    def __init__(
        self,
        id: ClientTaskId,
        reason: RejectReason,
        retry_after_s: float = 0.0,
        credits: int = 0,
        why: str = "",
        local: bool = False,
    ) -> None:
        self.id = id
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.credits = credits
        self.why = why
        self.local = local

    @property
    def status(self) -> int:
        """As an Outcome has it, for who counts answers."""
        return Status.REJECTED

    @property
    def entered(self) -> int:
        """As an Outcome has it: no worker entered the function."""
        return Entered.NO


Answer: TypeAlias = Outcome | Reject


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

    To a client it says how many tasks it may have outstanding from now on; 0 says nothing of it. With ``unheard``
    it says that the connection stands, and that nothing has come on it for longer than a peer may be silent.
    """

    credits: int = 0
    unheard: bool = False


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
    | Reject
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
