"""Every exception that a caller can get: what happened, whether the task ran, and what to do now.

In: plain data (numbers and strings) from the code that builds the exception. Out: a sentence for people, and the data
as attributes. Every exception survives pickling with its data, since one may be raised in a worker and raised again in
the caller's process.

    ArgonError
      TaskError            the answer to one task, other than its value
        Rejected           it was not admitted, and never ran
        TaskExpired        its timeout passed (a TimeoutError)
        TaskLost           a node, the cluster or a connection was lost before its answer
        WorkerDied         it ended its worker process
        RemoteError        it raised an exception that cannot be sent as it was
        UnknownFunction    the node has no function of that name, or cannot import it
        ResultNotSerializable   it ran, and its result cannot be pickled or is too large
      ArgumentNotSerializable   nothing was sent: an argument or the function cannot be pickled
      ConnectionFailed, AuthenticationFailed, ListenRefused, TokenInvalid, AddressInvalid
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self, TypeVar

_E = TypeVar("_E", bound=BaseException)


class MayHaveRun(StrEnum):
    """Whether a worker entered the task's function: ``no``, ``yes``, or ``unknown``."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class RejectReason(StrEnum):
    """Why a task was not admitted; ``meaning`` is that in words. New reasons go to the end: the wire counts places."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """A reason is its name, and carries its words."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason

    QUEUE_FULL = "QUEUE_FULL", "it would wait too long, or queue_limit tasks wait already"
    QUEUE_BYTES = "QUEUE_BYTES", "with its payload the queue would hold more than queue_bytes"
    NO_NODES = "NO_NODES", "there is no node to run it"
    DRAINING = "DRAINING", "the cluster is shutting down"
    CLIENT_LIMIT = "CLIENT_LIMIT", "this client has as many tasks in the cluster as it may have"
    TOO_LARGE = "TOO_LARGE", "its payload is larger than max_payload or queue_bytes"
    DEADLINE = "DEADLINE", "it is predicted to take longer than its timeout"


class ArgonError(Exception):
    """The base class of all exceptions of Argon. The attributes have the data; ``str()`` gives the sentence."""

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
    """An address does not have the form ``host:port``. Write an IPv6 host in brackets: ``[::1]:8000``."""


class TokenInvalid(ArgonError, ValueError):
    """The token in a token file or in ``ARGON_TOKEN`` cannot be used, or there is none. The message says where it was
    looked for, why it cannot be used, and what to do."""


class ListenRefused(ArgonError, OSError):
    """A cluster or node cannot listen at an address: it is not loopback, cannot be resolved, or is in use. The message
    says what to do."""


class ConnectionFailed(ArgonError, ConnectionError):
    """There is no connection: no cluster answers at the address, or the client is closed. Start a cluster
    (``argon cluster``), try again later, or create a new client. The message says which."""


class AuthenticationFailed(ArgonError, PermissionError):
    """The client or the node has another token than the cluster. Use the cluster's token file, or set ``ARGON_TOKEN``
    to the cluster's token."""


class ArgumentNotSerializable(ArgonError, TypeError):
    """An argument or the function cannot be pickled; nothing was sent. Pass plain data, or make the object in the task.

    Attributes:
        path: the smallest part that cannot be pickled, such as ``args[1]['db']``.
    """

    path: str = ""


class TaskError(ArgonError):
    """A task ended without a value. The subclasses say how.

    If ``may_have_run`` is ``no``, the task had no effects, and it is safe to submit it again.

    Attributes:
        node: name of its node, empty if it had none.
        attempt: which assignment to a node this was, counted from 1; 0 if it was never assigned.
        may_have_run: whether a worker called the function: a ``MayHaveRun``.
        queued_s: how many seconds it waited in the cluster's queue.
        run_s: how many seconds its worker spent on it.
        task_id: its id for ``argon explain`` and ``Client.explain``; empty if it has none.
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
    """The task was not admitted and never ran. Submit it again after ``retry_after`` seconds, or do without it.

    By default a client submits a rejected task again until it is admitted. So the caller gets this exception at once
    with ``retries=0``, after the last of ``retries``, or when its timeout leaves no time for a further try.

    Attributes:
        reason: a ``RejectReason``.
        retry_after: seconds until there is likely to be room; 0 if a further try cannot help (``TOO_LARGE``).
        local: whether the client rejected it by itself, without a question to the cluster.
    """

    may_have_run = MayHaveRun.NO
    reason: RejectReason = RejectReason.QUEUE_FULL
    retry_after: float = 0.0
    local: bool = False


class TaskExpired(TaskError, TimeoutError):
    """The task's ``timeout`` passed. Give it more time, or submit fewer tasks.

    ``may_have_run`` is ``no`` if it had not started, ``yes`` if it was killed while it ran, and ``unknown`` if the
    cluster did not answer in time.
    """


class TaskLost(TaskError):
    """A node, the cluster or the connection was lost before the task's answer.

    Unless ``may_have_run`` is ``no``, the task may have had its effects: check for them before you submit it again. If
    a task is safe to run twice, submit it with ``idempotent=True``: then Argon runs it again by itself.
    """


class WorkerDied(TaskError):
    """The worker process of the task ended while it ran: by a crash, ``os._exit``, or the kernel for lack of memory.

    No other task is affected. ``may_have_run`` is ``no`` if the process ended before the function was called, for
    example during the import of its module. Look for the cause in the task before you submit it again.

    Attributes:
        signal: number of the signal that killed the process, 0 if none did.
        exit_code: exit code of the process, 0 if a signal killed it.
        oom: whether the kernel killed it because memory ran out.
    """

    may_have_run = MayHaveRun.YES
    signal: int = 0
    exit_code: int = 0
    oom: bool = False


class RemoteError(TaskError):
    """The task raised an exception that cannot be sent as it was; its class, text and traceback are here.

    It holds something that cannot be pickled, or would arrive as another exception than the one that was raised, or is
    larger than 1 MiB, or would end its caller, as ``SystemExit``.

    Attributes:
        type_name: qualified name of its class.
        remote_message: its ``str()``.
        remote_attributes: its attributes that are numbers, text or None, by name; at most 32.
        traceback_text: its traceback in the worker, as text.
    """

    may_have_run = MayHaveRun.YES
    type_name: str = ""
    remote_message: str = ""
    remote_attributes: Mapping[str, str | int | float | bool | None] = MappingProxyType({})
    traceback_text: str = ""


class UnknownFunction(TaskError):
    """The node has no such function, or cannot import its module. The message has similar names or the traceback.

    The task did not run. Put the module where the node finds it (``argon node --include DIR``), and submit it again.
    """

    may_have_run = MayHaveRun.NO


class ResultNotSerializable(TaskError):
    """The task ran to its end, and its result cannot be pickled, loaded by the caller, or is too large. Return less, or
    plain data."""

    may_have_run = MayHaveRun.YES


def caused_by(cause: BaseException | None, error: _E) -> _E:
    """Returns an exception with its cause, as ``raise error from cause`` would raise it; None hides what led to it.

    For compiled modules: mypyc forgets what stands behind ``from``.
    """
    error.__cause__ = cause
    return error
