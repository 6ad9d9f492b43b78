"""Calls and results to payloads and back.

In: Python objects of the caller or of the task. Out: payloads, opaque to everybody in between. It must run only in
clients and workers, never in the cluster or a node's supervisor, and must never send a part of what cannot be sent
whole.

A call of a function that workers can import carries its name and the pickle of (args, kwargs). Any other carries a
definition (``definitions.py``) and that pickle; or, where function and arguments may share objects, a definition of
nothing but what they use, and the pickle of (function, args, kwargs). Large blocks of memory travel beside it (protocol
5).
"""

from __future__ import annotations

import pickle
import threading
from binascii import crc32
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pickle import dumps, loads
from sys import modules as _modules
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from argon.call.callables import find, importable, name_of, whereabouts
from argon.call.envelope import DEFINITION_MARK, seal, seal_small, unseal
from argon.call.failure_text import TEXT_CHARS, clip, message_of, traceback_of, type_name
from argon.call.unpicklable import advice, culprit
from argon.errors import (
    ArgumentNotSerializable,
    MayHaveRun,
    RemoteError,
    ResultNotSerializable,
    UnknownFunction,
    caused_by,
)
from argon.protocol.messages import Payload, payload_bytes

if TYPE_CHECKING:
    from argon.call.script import Script

OUT_OF_BAND_BYTES: Final = 64 << 10
SCANNED_ITEMS: Final = 256
MARKED_LEVELS: Final = 3
REASON_CHARS: Final = 1000
CACHED_NAMES: Final = 4096

_SIMPLE: Final = frozenset(
    {int, float, bool, str, type(None)}
)  # neither buffers nor classes: pickled without further thought

_HOLDERS: Final = frozenset({list, tuple, dict})
_MAIN: Final = (b"__main__", b"__mp_main__")  # in every process something else has these names

# By id, since a callable need not be hashable. An entry holds the function, so that its id is not used again; only
# functions that their module keeps alive anyway are held.
_named: dict[int, tuple[object, bytes, int]] = {}


# ---- calls ---------------------------------------------------------------------------------------------------------


def pack_call(
    function: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], script: Script | None = None
) -> tuple[Payload, int]:
    """Packs a call.

    Args:
        function: a callable, or the name ``module:function`` of one, which is then looked up by the worker only.
        args: positional arguments. Memory that can change (arrays, bytearrays) is copied, so the caller may change it.
        kwargs: keyword arguments.
        script: what the workers know of this program, None (the default) for nothing.

    Returns:
        The payload, and the task's kind: a number that is equal for calls of the same function.

    Raises:
        ArgumentNotSerializable: something cannot be pickled. The message and ``path`` name it.
    """
    known = (_named if script is None else script.named).get(id(function))
    if known is None or _by_value():
        known = _name(function, script)
    _, name, kind = known
    try:
        if name and not kwargs:
            for value in args:
                if type(value) not in _SIMPLE:
                    break
            else:
                return seal_small(name, dumps((args, kwargs), 5)), kind
        return _pack(function, name, args, kwargs, script), kind
    except Exception as error:  # noqa: BLE001 - pickling runs code of the caller's classes, which may raise anything
        roots = {"args": args, "kwargs": kwargs} if name else {"args": args, "kwargs": kwargs, "function": function}
        found = culprit(roots, partial(_try_dump, script), error)
        path, part, reason = found
        text = f"cannot send {path} (a {type_name(type(part))}): {clip(message_of(reason), REASON_CHARS)}"
        text += advice(found, None if script is None else script.by_value_because)
        try:
            raise caused_by(reason, ArgumentNotSerializable(text, path=path))
        finally:
            del found, part, reason  # the exception holds this frame, and must not hold itself by it


def _pack(
    function: Callable[..., Any] | str,
    name: bytes,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    script: Script | None,
) -> Payload:
    """A call with arguments of any kind, or of a function that must be carried along."""
    call = args, kwargs
    alone = type(function) is FunctionType and function.__closure__ is None  # shares no object with the arguments
    buffers: list[bytes | memoryview] = []
    data = _dump_plainly(args, kwargs, buffers, _elsewhere(script), snapshot=True) if name or alone else None
    if data is not None and name:
        return seal(name, data, buffers)
    from argon.call.definitions import Definition, definition_of  # takes long to import, and most never need it
    from argon.call.pickler import Packing

    if data is not None:
        definition = definition_of(function, script)  # type: ignore[arg-type]  # a function, as ``alone`` says
    else:
        packing = Packing(script)
        whole = call if name or alone else (function, args, kwargs)
        data = packing.dump(whole, partial(_beside, buffers, True))
        definition = Definition(function if name or alone else None, packing)
    return seal(definition.name, definition.data + data, buffers)


def unpack_call(payload: bytes | bytearray | memoryview) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Unpacks a call. A bytearray is taken over: arrays among the arguments are views of it, and writable.

    Raises:
        UnknownFunction: the function, or something that the arguments need, cannot be imported here.
        RemoteError: loading the arguments raised another exception. The function was not entered.
    """
    try:
        name, data, buffers = unseal(payload)
    except ValueError as error:
        raise caused_by(None, _unloadable(error))
    carried = name[:1] == DEFINITION_MARK
    function: Any = None if carried else find(name)
    try:
        if carried:
            from argon.call.definitions import read_definition

            function, start = read_definition(name, data)
            data = memoryview(data)[start:]
        call: tuple[Any, ...] = loads(data, buffers=buffers) if buffers else loads(data)
        if function is None:
            function, args, kwargs = call
        else:
            args, kwargs = call
            if isinstance(function, str):
                function = find(function.encode("utf-8", "replace"))
    except UnknownFunction:
        raise
    except (ImportError, AttributeError) as error:
        text = f"cannot load the arguments: {clip(message_of(error), REASON_CHARS)} ({whereabouts()})"
        raise caused_by(None, UnknownFunction(text))
    except BaseException as error:  # noqa: BLE001 - loading runs code of the caller's classes, which may raise anything
        raise caused_by(None, _unloadable(error))
    return function, args, kwargs


def _name(function: Callable[..., Any] | str, script: Script | None) -> tuple[object, bytes, int]:
    """How a function travels: itself, its name (empty when it is carried along), and its kind."""
    if isinstance(function, str):
        encoded = function.encode("utf-8", "replace")
        return function, encoded, crc32(encoded)
    if not callable(function):
        raise TypeError(f"a task is a callable, or the name 'module:function' of one, not {clip(repr(function), 100)}")
    name = name_of(function)
    encoded = name.encode("utf-8", "replace")
    module = name.partition(":")[0]
    there = importable(function, name) and not _is_by_value(module) and (script is None or script.imports(module))
    if not there:
        return function, b"", crc32(encoded)
    named = _named if script is None else script.named
    if len(named) >= CACHED_NAMES:
        named.clear()
    entry = named[id(function)] = (function, encoded, crc32(encoded))
    return entry


def _by_value() -> Collection[str]:
    """The modules that the user has registered to travel by value."""
    cloudpickle = _modules.get("cloudpickle.cloudpickle")
    registered: set[str] | None = (
        None if cloudpickle is None else getattr(cloudpickle, "_PICKLE_BY_VALUE_MODULES", None)
    )
    return registered or ()


def _is_by_value(module: str) -> bool:
    """Whether a module, or a package that it belongs to, is one of these."""
    return any(module == name or module.startswith(f"{name}.") for name in _by_value())


def _elsewhere(script: Script | None) -> list[bytes]:
    """What a pickle must not contain: names of modules that the other end has not, or not as they are here."""
    names = list(_MAIN)
    names += [name.encode("utf-8", "replace") for name in _by_value()]
    if script is not None:
        names += script.unreachable()
    return names


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
            data = _dump_plainly((value,), None, buffers, _MAIN, snapshot=False)
            if data is None:
                from argon.call.pickler import Packing  # takes long to import, and most never need it

                data = Packing(answer=True).dump(value, partial(_beside, buffers, False))
            payload = seal(b"", data, buffers)
    except Exception as error:  # noqa: BLE001 - pickling runs code of the task's classes, which may raise anything
        path, part, reason = culprit({"result": value}, dump_answer, error)
        text = f"cannot return {path} (a {type_name(type(part))}): {clip(message_of(reason), REASON_CHARS)}"
        raise caused_by(None, ResultNotSerializable(text, path=path))
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
        raise caused_by(error, ResultNotSerializable(text))
    return result


# ---- pickle --------------------------------------------------------------------------------------------------------


class _Apart:
    """Large bytes that travel beside the pickle, and arrive as the type they were."""

    __slots__ = ("value",)

    def __init__(self, value: bytes | bytearray) -> None:
        self.value = value

    def __reduce__(self) -> tuple[type, tuple[pickle.PickleBuffer]]:
        return type(self.value), (pickle.PickleBuffer(self.value),)


class _Marks:
    """Large bytes set apart, each once. What holds them is copied once too, so that one object stays one.

    Attributes:
        apart: what was set apart.
        whole: whether all was seen: nothing else can refer to what was copied.
    """

    def __init__(self) -> None:
        self.apart: list[_Apart] = []
        self.whole = True
        self._made: dict[int, Any] = {}

    def mark(self, value: Any, depth: int) -> Any:
        """The value, or a copy with its large bytes set apart, down to a few levels of lists and the like."""
        kind = type(value)
        if kind in _SIMPLE:
            return value
        made = self._made.get(id(value))
        if made is None:
            if kind is bytes or kind is bytearray:
                if not _is_large(value):
                    return value
                made = _Apart(value)
                self.apart.append(made)
            elif kind not in _HOLDERS or not depth or len(value) > SCANNED_ITEMS:
                self.whole = False
                return value
            elif kind is dict:
                made = {key: self.mark(item, depth - 1) for key, item in value.items()}
            else:
                made = kind([self.mark(item, depth - 1) for item in value])
            self._made[id(value)] = made
        return made


def _is_large(value: Any) -> bool:
    return (type(value) is bytes or type(value) is bytearray) and len(value) > OUT_OF_BAND_BYTES


def _holds_large(value: Any) -> bool:
    kind = type(value)
    if kind is list or kind is tuple:
        return len(value) <= SCANNED_ITEMS and any(map(_is_large, value))
    if kind is dict:
        return len(value) <= SCANNED_ITEMS and any(map(_is_large, value.values()))
    return _is_large(value)


def _marked(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[_Apart]]:
    """Some values with their large bytes set apart."""
    if not any(map(_holds_large, values)):
        return values, []
    marks = _Marks()
    marked = tuple([marks.mark(value, MARKED_LEVELS) for value in values])
    if not marks.whole:
        marks = _Marks()  # only that for which nothing is copied: the values themselves
        marked = tuple([marks.mark(value, 0) for value in values])
    return marked, marks.apart


def _dump_plainly(
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    buffers: list[bytes | memoryview],
    elsewhere: Sequence[bytes],
    *,
    snapshot: bool,
) -> bytes | None:
    """Pickles without cloudpickle; None if that fails, or if the pickle names what the other end has not.

    Appends the large blocks that travel beside the pickle. With ``snapshot``, those that can still change are copied.
    Without ``kwargs``, there is one argument, and it is pickled alone.
    """

    def beside(buffer: pickle.PickleBuffer) -> bool:
        return _beside(buffers, snapshot, buffer)

    whole = args[0] if kwargs is None else (args, kwargs)
    data = b""
    try:
        marked, apart = _marked((*args, *kwargs.values()) if kwargs else args)
        if apart:
            count = len(args)
            named = dict(zip(kwargs, marked[count:], strict=True)) if kwargs else {}
            data = dumps(marked[0] if kwargs is None else (marked[:count], named), 5, buffer_callback=beside)
        if not apart or any(mark.value in data for mark in apart):  # it is met again further down: one object, one copy
            buffers.clear()
            data = dumps(whole, 5, buffer_callback=beside)
    except Exception:  # noqa: BLE001 - for whatever reason plain pickle fails, cloudpickle may not
        data = b""
    if not data or any(name in data for name in elsewhere):
        buffers.clear()
        return None
    return data


def _beside(buffers: list[bytes | memoryview], snapshot: bool, buffer: pickle.PickleBuffer) -> bool:
    """Takes a large block, and has pickle keep a small one."""
    block = buffer.raw()
    if block.nbytes <= OUT_OF_BAND_BYTES:
        return True
    buffers.append(bytes(block) if snapshot and not block.readonly else block)
    return False


def _try_dump(script: Script | None, value: object) -> None:
    """Raises what packing a call with this value raises."""
    from argon.call.pickler import Packing

    packing = Packing(script)
    packing.dump(value)
    packing.dump_definitions()


def dump_answer(value: object) -> bytes:
    """Pickles what belongs to an answer, as its caller can load it. Raises what pickling raises."""
    from argon.call.pickler import Packing

    return Packing(answer=True).dump(value)
