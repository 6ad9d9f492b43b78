"""Calls, results and exceptions to payloads and back. The only file that pickles.

In: Python objects of the caller or of the task. Out: payloads, opaque to everybody in between. It must run only in
clients and workers, never in the cluster or a node's supervisor, and must never send a part of what cannot be sent
whole.

A call of a function that workers can import carries its name and the pickle of (args, kwargs); any other call carries
the pickle of (function, args, kwargs), made by cloudpickle. Large blocks of memory travel beside the pickle (protocol
5).
"""

from __future__ import annotations

import pickle
import threading
from binascii import crc32
from collections.abc import Callable
from pickle import dumps, loads
from typing import Any, Final

import msgspec

from argon.call.callables import find, importable, name_of, whereabouts
from argon.call.envelope import seal, seal_small, unseal
from argon.call.failure_text import (
    TEXT_CHARS,
    Failure,
    RemoteTraceback,
    clip,
    describe,
    message_of,
    traceback_of,
    type_name,
)
from argon.call.unpicklable import advice, culprit
from argon.errors import (
    ArgumentNotSerializable,
    MayHaveRun,
    RemoteError,
    ResultNotSerializable,
    TaskError,
    UnknownFunction,
)
from argon.protocol.messages import Payload, payload_bytes

OUT_OF_BAND_BYTES: Final = 64 << 10
SCANNED_ITEMS: Final = 256
REASON_CHARS: Final = 1000
EXCEPTION_BYTES: Final = 1 << 20
CACHED_NAMES: Final = 4096

_SIMPLE: Final = frozenset(
    {int, float, bool, str, type(None)}
)  # neither buffers nor classes: pickled without further thought

# By id, since a callable need not be hashable. An entry holds the function, so that its id is not used again; only
# functions that their module keeps alive anyway are held.
_named: dict[int, tuple[object, bytes, int]] = {}


# ---- calls ---------------------------------------------------------------------------------------------------------


def pack_call(function: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Payload, int]:
    """Packs a call.

    Args:
        function: a callable, or the name ``module:function`` of one, which is then looked up by the worker only.
        args: positional arguments. Memory that can change (arrays, bytearrays) is copied, so the caller may change it.
        kwargs: keyword arguments.

    Returns:
        The payload, and the task's kind: a number that is equal for calls of the same function.

    Raises:
        ArgumentNotSerializable: something cannot be pickled. The message and ``path`` name it.
    """
    _, name, kind = _named.get(id(function)) or _name(function)
    try:
        if name and not kwargs:
            for value in args:
                if type(value) not in _SIMPLE:
                    break
            else:
                return seal_small(name, dumps((args, kwargs), 5)), kind
        buffers: list[bytes | memoryview] = []
        call = tuple(map(_set_apart, args)), {key: _set_apart(value) for key, value in kwargs.items()}
        data = _dump(call if name else (function, *call), buffers, snapshot=True)
        return seal(name, data, buffers), kind
    except Exception as error:  # noqa: BLE001 - pickling runs code of the caller's classes, which may raise anything
        roots = {"args": args, "kwargs": kwargs} if name else {"args": args, "kwargs": kwargs, "function": function}
        path, part, reason = culprit(roots, _try_dump, error)
        text = f"cannot send {path} (a {type_name(type(part))}): {clip(message_of(reason), REASON_CHARS)}"
        text += advice(part, reason)
        raise ArgumentNotSerializable(text, path=path) from reason


def unpack_call(payload: bytes | bytearray | memoryview) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Unpacks a call. A bytearray is taken over: arrays among the arguments are views of it, and writable.

    Raises:
        UnknownFunction: the function, or something that the arguments need, cannot be imported here.
        RemoteError: loading the arguments raised another exception. The function was not entered.
    """
    try:
        name, data, buffers = unseal(payload)
    except ValueError as error:
        raise _unloadable(error) from None
    function = find(name) if name else None
    try:
        if function is None:
            function, args, kwargs = loads(data, buffers=buffers)
        else:
            call: tuple[Any, Any] = loads(data, buffers=buffers) if buffers else loads(data)
            args, kwargs = call
    except (ImportError, AttributeError) as error:
        text = f"cannot load the arguments: {clip(message_of(error), REASON_CHARS)} ({whereabouts()})"
        raise UnknownFunction(text) from None
    except BaseException as error:  # noqa: BLE001 - loading runs code of the caller's classes, which may raise anything
        raise _unloadable(error) from None
    return function, args, kwargs


def _name(function: Callable[..., Any] | str) -> tuple[object, bytes, int]:
    """How a function travels: itself, its name (empty when it is carried along), and its kind."""
    if isinstance(function, str):
        encoded = function.encode("utf-8", "replace")
        return function, encoded, crc32(encoded)
    if not callable(function):
        raise TypeError(f"a task is a callable, or the name 'module:function' of one, not {clip(repr(function), 100)}")
    name = name_of(function)
    encoded = name.encode("utf-8", "replace")
    if not importable(function, name):
        return function, b"", crc32(encoded)
    if len(_named) >= CACHED_NAMES:
        _named.clear()
    entry = _named[id(function)] = (function, encoded, crc32(encoded))
    return entry


def _unloadable(error: BaseException) -> RemoteError:
    name = type_name(type(error))
    return RemoteError(
        f"loading the arguments raised {name}: {clip(message_of(error), REASON_CHARS)}",
        may_have_run=MayHaveRun.NO,
        type_name=name,
        remote_message=clip(message_of(error), TEXT_CHARS),
        traceback_text=clip(traceback_of(error), TEXT_CHARS),
    )


# ---- results -------------------------------------------------------------------------------------------------------


def pack_result(value: object, max_payload_bytes: int) -> Payload:
    """Packs what a task returned. Arrays are not copied: send the payload before another task can change them.

    Raises:
        ResultNotSerializable: it cannot be pickled, or takes more than ``max_payload_bytes``.
    """
    try:
        if type(value) in _SIMPLE:
            payload: Payload = seal_small(b"", dumps(value, 5))
        else:
            buffers: list[bytes | memoryview] = []
            payload = seal(b"", _dump(_set_apart(value), buffers, snapshot=False), buffers)
    except Exception as error:  # noqa: BLE001 - pickling runs code of the task's classes, which may raise anything
        path, part, reason = culprit({"result": value}, _try_dump, error)
        text = f"cannot return {path} (a {type_name(type(part))}): {clip(message_of(reason), REASON_CHARS)}"
        raise ResultNotSerializable(text, path=path) from None
    size = payload_bytes(payload)
    if size > max_payload_bytes:
        raise ResultNotSerializable(f"the result takes {size} bytes, over the max_payload of {max_payload_bytes}")
    return payload


def unpack_result(payload: Payload) -> object:
    """Unpacks a result. Raises ResultNotSerializable when something that it needs cannot be loaded here."""
    try:
        _, data, buffers = unseal(payload if isinstance(payload, bytes) else bytearray().join(payload))
        result: object = loads(data, buffers=buffers)
    except BaseException as error:  # loading runs code of the task's classes, which may raise anything
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C
        text = f"the result cannot be loaded here: {type_name(type(error))}: {clip(message_of(error), REASON_CHARS)}"
        raise ResultNotSerializable(text) from error
    return result


# ---- failures ------------------------------------------------------------------------------------------------------


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
    for dump in (dumps, _cloud_dump):
        try:
            data: bytes = dump(error, protocol=5)
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


# ---- pickle --------------------------------------------------------------------------------------------------------


class _Apart:
    """Large bytes that travel beside the pickle, and arrive as the type they were."""

    __slots__ = ("value",)

    def __init__(self, value: bytes | bytearray) -> None:
        self.value = value

    def __reduce__(self) -> tuple[type, tuple[pickle.PickleBuffer]]:
        return type(self.value), (pickle.PickleBuffer(self.value),)


def _set_apart(value: object) -> object:
    """Marks large bytes that are the value itself or one of its elements; deeper ones travel in the pickle."""
    if type(value) is bytes or type(value) is bytearray:
        return _Apart(value) if len(value) > OUT_OF_BAND_BYTES else value
    if type(value) is list or type(value) is tuple:
        if len(value) <= SCANNED_ITEMS and any(map(_is_large, value)):
            return type(value)(_Apart(item) if _is_large(item) else item for item in value)
    elif type(value) is dict and len(value) <= SCANNED_ITEMS and any(map(_is_large, value.values())):
        return {key: _Apart(item) if _is_large(item) else item for key, item in value.items()}
    return value


def _is_large(value: Any) -> bool:
    return (type(value) is bytes or type(value) is bytearray) and len(value) > OUT_OF_BAND_BYTES


def _dump(value: object, buffers: list[bytes | memoryview], *, snapshot: bool) -> bytes:
    """Pickles plainly if that is enough, else with cloudpickle. Appends the large blocks that travel beside the pickle.

    With ``snapshot``, blocks that can still change are copied.
    """

    def stays_inside(buffer: pickle.PickleBuffer) -> bool:
        block = buffer.raw()
        if block.nbytes <= OUT_OF_BAND_BYTES:
            return True
        buffers.append(bytes(block) if snapshot and not block.readonly else block)
        return False

    data: bytes | None
    try:
        data = dumps(value, 5, buffer_callback=stays_inside)
    except Exception:  # noqa: BLE001 - for whatever reason plain pickle fails, cloudpickle may not
        data = None
    if data is None or b"__main__" in data:  # in every process something else has that name
        buffers.clear()
        data = _cloud_dump(value, protocol=5, buffer_callback=stays_inside)
    return data


def _cloud_dump(value: object, **options: Any) -> bytes:
    import cloudpickle  # takes long to import, and most programs never need it

    data: bytes = cloudpickle.dumps(value, **options)
    return data


def _try_dump(value: object) -> None:
    _dump(value, [], snapshot=False)
