"""Exceptions to payloads and back.

In: what a task raised, of any class. Out: a payload, and at the caller an exception to raise: the task's own, or one of
Argon's that has it as text. It must run only in clients and workers, and must never raise because of the exception that
it packs or loads.
"""

from __future__ import annotations

from pickle import dumps, loads
from typing import Final

import msgspec

from argon.call.equality import is_equal
from argon.call.exception_parts import StandIns
from argon.call.failure_text import TEXT_CHARS, Failure, RemoteTraceback, describe, plain_attributes
from argon.call.payload import dump_answer
from argon.call.script_source import MAIN_NAMES
from argon.errors import MayHaveRun, RemoteError, TaskError
from argon.protocol.messages import Payload

EXCEPTION_BYTES: Final = 1 << 20

_MAIN: Final = tuple(name.encode() for name in MAIN_NAMES)  # in every process something else has these names


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
    failure.attributes = plain_attributes(error)
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
            remote_attributes=failure.attributes,
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
    """The pickle of an exception, empty if what is loaded from it would be anything else.

    First as its class says, where that says anything and it comes out equal; then without asking the class; and last,
    where something cannot be pickled, with what the class leaves out.
    """
    for stays, as_reduced in ((_survives, False), (_never, False), (_survives_reduced, True)):
        try:
            data = _dump_equal(StandIns(stays).replaced(error), error, as_reduced)
        except BaseException:  # noqa: BLE001 - taking it apart runs code of its class, which may raise anything
            data = b""
        if data:
            return data
    return b""


def _survives(error: BaseException) -> bool:
    return bool(_dump_equal(error, error, as_reduced=False))


def _survives_reduced(error: BaseException) -> bool:
    return bool(_dump_equal(error, error, as_reduced=True))


def _never(_: BaseException) -> bool:
    return False


def _dump_equal(picture: object, error: BaseException, as_reduced: bool) -> bytes:
    """The pickle of what stands for an exception, empty if an exception equal to it cannot be loaded from that."""
    for dump in (_dump_plainly, dump_answer):
        try:
            data: bytes = dump(picture)
            if 0 < len(data) <= EXCEPTION_BYTES and is_equal(error, loads(data), as_reduced=as_reduced):
                return data
        except BaseException:  # noqa: BLE001 - pickling and loading run code of the task's classes
            continue
    return b""


def _dump_plainly(picture: object) -> bytes:
    """Pickles without cloudpickle; empty if that names what the caller has not."""
    data = dumps(picture, 5)
    return b"" if any(name in data for name in _MAIN) else data


def _load_exception(data: bytes) -> Exception | None:
    try:
        error = loads(data) if data else None
    except BaseException:  # noqa: BLE001 - what is amiss with one task's exception must not hurt the client
        return None
    return error if may_travel(error) else None
