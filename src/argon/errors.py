"""Every exception that a caller can meet: what happened, whether the task ran, and what to do now.

In: plain data (numbers and strings) put there by whoever builds the exception. Out: a sentence for people, and the data
as attributes. Every exception survives pickling with its data, since one may be raised in a worker and re-raised far
away.

    ArgonError
      TaskError            the answer to one task, other than its value
        Rejected           it was not admitted, and never ran
        TaskExpired        its timeout passed (a TimeoutError)
        TaskLost           its state is unknown: a node, the cluster or a connection was lost
        WorkerDied         it ended its worker process
        RemoteError        it raised an exception that could not travel as itself
        UnknownFunction    the node has no function of that name
        ResultNotSerializable   it ran, and its result cannot travel
      ArgumentNotSerializable   nothing was sent: an argument cannot travel
      ConnectionFailed, AuthenticationFailed, ListenRefused, TokenInvalid, AddressInvalid
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self


class MayHaveRun(StrEnum):
    """Whether a worker entered the task's function: ``no``, ``yes``, or ``unknown``."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class RejectReason(StrEnum):
    """Why a task was not admitted. ``meaning`` says it in words. New reasons go to the end: the wire counts places."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """A reason is its name, and carries its words."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason

    QUEUE_FULL = "QUEUE_FULL", "it would wait for longer than the queue may stand, or queue_limit tasks wait"
    QUEUE_BYTES = "QUEUE_BYTES", "the queue holds as many bytes as it may"
    NO_NODES = "NO_NODES", "there is no node to run it"
    DRAINING = "DRAINING", "the cluster is shutting down"
    CLIENT_LIMIT = "CLIENT_LIMIT", "this client has more tasks outstanding than it was allowed"
    TOO_LARGE = "TOO_LARGE", "its payload is larger than max_payload or queue_bytes"
    DEADLINE = "DEADLINE", "it could not have been answered within its timeout"


class ArgonError(Exception):
    """The base of everything that Argon raises. Attributes hold the data; ``str()`` builds the sentence."""

    def __init__(self, message: str = "", **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.__dict__.update(data)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(cls: type[ArgonError], message: str, data: dict[str, Any]) -> ArgonError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(data)
    return error


class AddressInvalid(ArgonError, ValueError):
    """An address is not ``host:port``. Write it so; an IPv6 host goes in brackets."""


class TokenInvalid(ArgonError, ValueError):
    """The secret in a token file or in ``ARGON_TOKEN`` is unusable. The message names the file and the command that
    mends it."""


class ListenRefused(ArgonError, OSError):
    """A cluster or node cannot listen there: not loopback, not resolvable, or taken. The message says what to do."""


class ConnectionFailed(ArgonError, ConnectionError):
    """No cluster answers at the address, or the client is closed. Start one (``argon cluster``), or try again later."""


class AuthenticationFailed(ArgonError, PermissionError):
    """The other side does not hold the same token. Give both the same one (``ARGON_TOKEN`` or the token file)."""


class ArgumentNotSerializable(ArgonError, TypeError):
    """An argument or the function cannot be pickled; nothing was sent. ``path`` names it (``args[1]['db']``)."""

    path: str = ""


class TaskError(ArgonError):
    """The answer to one task, other than its value.

    Attributes:
        node: name of the node concerned, empty when none was.
        attempt: which assignment this was, 0 when it was never assigned.
        may_have_run: whether a worker entered the function.
        queued_s: seconds it waited in the cluster's queue.
        run_s: seconds it ran.
        task_id: what ``argon explain`` and ``Client.explain`` know it by; empty when it has none.
    """

    may_have_run: MayHaveRun = MayHaveRun.UNKNOWN

    def __init__(
        self,
        message: str = "",
        *,
        node: str = "",
        attempt: int = 0,
        may_have_run: MayHaveRun | None = None,
        queued_s: float = 0.0,
        run_s: float = 0.0,
        **data: Any,
    ) -> None:
        super().__init__(message, node=node, attempt=attempt, queued_s=queued_s, run_s=run_s, **data)
        self.may_have_run = type(self).may_have_run if may_have_run is None else may_have_run
        self.node: str
        self.attempt: int
        self.queued_s: float
        self.run_s: float
        self.task_id: str = ""


class Rejected(TaskError):
    """The task was not admitted and never ran. Submit it again after ``retry_after`` seconds, or do without.

    Clients retry by themselves unless ``retries`` says otherwise, so this reaches the caller when the retries are
    used up, at once with ``retries=0``, or when its timeout leaves no time for another.

    Attributes:
        reason: a ``RejectReason``.
        retry_after: seconds until there is likely to be room; 0 when trying again cannot help (``TOO_LARGE``).
        local: whether this client has refused it by itself, and the cluster was not asked.
    """

    may_have_run = MayHaveRun.NO
    reason: RejectReason = RejectReason.QUEUE_FULL
    retry_after: float = 0.0
    local: bool = False


class TaskExpired(TaskError, TimeoutError):
    """The task's ``timeout`` passed. ``may_have_run`` is ``no`` if it was still queued, ``yes`` if it was killed
    while running."""


class TaskLost(TaskError):
    """The node, the cluster or the connection was lost, so the task's state is unknown.

    Check the state of the world before running it again; a task that is safe to run twice is better submitted with
    ``idempotent=True``, which makes the cluster do so.
    """


class WorkerDied(TaskError):
    """The task ended its worker process (a crash, ``os._exit``, the OOM killer). Only this task is affected.

    ``may_have_run`` is ``no`` when that happened before its function was entered: its module was still importing.

    Attributes:
        signal: number of the signal that killed the process, 0 if none did.
        exit_code: what the process exited with, 0 if a signal killed it.
        oom: whether the kernel killed it for want of memory.
    """

    may_have_run = MayHaveRun.YES
    signal: int = 0
    exit_code: int = 0
    oom: bool = False


class RemoteError(TaskError):
    """The task raised an exception that could not travel as itself.

    Attributes:
        type_name: qualified name of the exception's class.
        remote_message: its ``str()``.
        traceback_text: the traceback as text, made in the worker.
    """

    may_have_run = MayHaveRun.YES
    type_name: str = ""
    remote_message: str = ""
    traceback_text: str = ""


class UnknownFunction(TaskError):
    """The node has no such function, or its module fails to import there. The message has close matches or the
    traceback.

    Put the module where the node finds it (``argon node --include DIR``) and submit again: nothing ran.
    """

    may_have_run = MayHaveRun.NO


class ResultNotSerializable(TaskError):
    """The task ran to its end, and its result (or it is too large) cannot travel back. Return plain data."""

    may_have_run = MayHaveRun.YES
