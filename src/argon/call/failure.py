"""Exceptions to payloads and back.

In: what a task raised, of any class. Out: a payload, and at the caller an exception to raise: the task's own, or one of
Argon's that has it as text. It must run only in clients and workers, and must never raise because of the exception that
it packs or loads.
"""

from __future__ import annotations

from pickle import dumps, loads
from typing import Final

import msgspec

from argon.call.failure_text import TEXT_CHARS, Failure, RemoteTraceback, describe
from argon.call.payload import dump_answer
from argon.errors import MayHaveRun, RemoteError, TaskError
from argon.protocol.messages import Payload

EXCEPTION_BYTES: Final = 1 << 20


def pack_failure(error: BaseException, node: str, max_payload_bytes: int, *, by_argon: bool = False) -> bytes:
    """Packs an exception: always as text, and as itself too when it survives being pickled and loaded again.

    Args:
        error: what was raised.
        node: name of the node.
        max_payload_bytes: the payload takes no more than this, whatever the exception says.
        by_argon: the worker raised it on its own account, not the task.
    """
    failure = describe(error, node=node, by_argon=by_argon, chars_max=min(TEXT_CHARS, max_payload_bytes // 32))
    as_text = msgspec.msgpack.encode(failure)
    failure.pickled = _dump_exception(error) if may_travel(error) else b""
    complete = msgspec.msgpack.encode(failure)
    return complete if len(complete) <= max_payload_bytes else as_text


def unpack_failure(payload: Payload, *, attempt: int, queued_s: float, run_s: float) -> BaseException:
    """Unpacks an exception, ready to be raised: the task's own, caused by its remote traceback, or a TaskError."""
    try:
        failure = msgspec.msgpack.decode(payload if isinstance(payload, bytes) else b"".join(payload), type=Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as reason:
        failure = Failure("unknown", f"the worker's answer cannot be read: {reason}", "", "", MayHaveRun.UNKNOWN)
    error = _load_exception(failure.pickled)
    if error is not None and not failure.by_argon and not isinstance(error, TaskError):
        return _caused_by(error, failure.traceback_text)
    if not failure.by_argon:
        error = None  # a TaskError that the task raised would be taken for what became of the task itself
    if not isinstance(error, TaskError):
        error = RemoteError(
            f"{failure.type_name}: {failure.message}",
            may_have_run=failure.may_have_run,
            type_name=failure.type_name,
            remote_message=failure.message,
            traceback_text=failure.traceback_text,
        )
    error.node, error.attempt, error.queued_s, error.run_s = failure.node, attempt, queued_s, run_s
    return _caused_by(error, error.traceback_text) if isinstance(error, RemoteError) else error


def _caused_by(error: Exception, traceback_text: str) -> Exception:
    if traceback_text:
        # Not by assignment: a class may forbid that, for all its attributes.
        BaseException.__setattr__(error, "__cause__", RemoteTraceback(traceback_text))
    return error


def may_travel(error: object) -> bool:
    """Whether the caller can be given this very exception.

    One that would end or cancel the caller itself cannot. Nor can one that ends whatever loop is the next to see it,
    quietly; asyncio's futures refuse it.
    """
    if not isinstance(error, Exception) or isinstance(error, StopIteration | StopAsyncIteration):
        return False
    return not any(
        cls.__name__ == "CancelledError" and cls.__module__.startswith(("asyncio", "concurrent.futures"))
        for cls in type(error).__mro__
    )


def _dump_exception(error: BaseException) -> bytes:
    for dump in (dumps, dump_answer):
        try:
            data: bytes = dump(error)
            if len(data) <= EXCEPTION_BYTES and may_travel(loads(data)):
                return data
        except BaseException:  # noqa: BLE001 - a class whose __init__ wants other arguments ends here, quite usually
            continue
    return b""


def _load_exception(data: bytes) -> Exception | None:
    try:
        error = loads(data) if data else None
    except BaseException:  # noqa: BLE001 - what is amiss with one task's exception must not hurt the client
        return None
    return error if may_travel(error) else None
