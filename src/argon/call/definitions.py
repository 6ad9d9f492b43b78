"""A function that others cannot import, as bytes that are kept where they have been read, and back.

In, at the caller: a function, and what a packing has noted. Out: a definition and its name, which is equal for equal
definitions. In, at the worker: these two. Out: the function, made once for many calls. It must never use a function
whose global names mean something else by now than they did to its caller.

    16 bytes digest of the rest · u32 length of the head · head · definitions · function
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from types import FunctionType
from typing import Any, Final

from argon.call.envelope import DEFINITION_MARK
from argon.call.main_modules import MainModule, main_module
from argon.call.pickler import DIGEST_BYTES, Packing
from argon.call.script import Script

DEFINITIONS_KEPT: Final = 512
DEFINITION_BYTES_MAX: Final = 1 << 20
KEPT_BYTES_MAX: Final = 64 << 20

_LENGTH: Final = struct.Struct("<I")
_VERSION: Final = sys.version_info[:2]  # another one has other bytecode


class Definition:
    """A function that is ready to be sent, as long as what it uses stays as it is.

    Attributes:
        name: takes the place of a function's name in a payload.
        data: what stands before the arguments.
    """

    def __init__(self, function: Callable[..., Any] | str | None, packing: Packing) -> None:
        packed = packing.dump(function)
        definitions = packing.dump_definitions()
        head = pickle.dumps(
            (_VERSION, packing.session, packing.path, packing.containers, packing.values, len(definitions)), 5
        )
        rest = _LENGTH.pack(len(head)) + head + definitions + packed
        digest = blake2b(rest, digest_size=DIGEST_BYTES).digest()
        self.data = rest
        self.name = DEFINITION_MARK + digest + _LENGTH.pack(len(rest))
        self.function = function
        self._watched = packing.watched
        self._functions = packing.functions
        self._sizes = packing.sizes
        self.lasts = packing.lasting and len(rest) <= DEFINITION_BYTES_MAX

    def is_current(self) -> bool:
        """Whether all global names and attributes that it uses mean what they meant."""
        for names, name, value in self._watched:
            if names.get(name) is not value:
                return False
        for function, code, defaults, keywords in self._functions:
            if not (
                function.__code__ is code and function.__defaults__ is defaults and function.__kwdefaults__ is keywords
            ):
                return False
        return all(len(names) == size for names, size in self._sizes)


_carried: dict[tuple[int, Script | None], Definition] = {}
os.register_at_fork(after_in_child=lambda: _carried.clear())  # its main module is another one to the workers


def definition_of(function: Callable[..., Any], script: Script | None) -> Definition:
    """The definition of a function, as it is now.

    Raises:
        Exception: what pickling it raised.
    """
    key = id(function), script
    known = _carried.get(key)
    if known is not None and known.is_current():
        return known
    made = Definition(function, Packing(script))
    if made.lasts and type(function) is FunctionType:
        if len(_carried) >= DEFINITIONS_KEPT or sum(len(known.data) for known in _carried.values()) > KEPT_BYTES_MAX:
            _carried.clear()
        _carried[key] = made
    return made


# ---- where it is read ----------------------------------------------------------------------------------------------


class _Kept:
    """A function that has been made, and what its global names must mean while it runs."""

    __slots__ = ("bound", "digests", "function", "main")

    def __init__(
        self, function: Callable[..., Any], main: MainModule, digests: dict[str, bytes], bound: dict[str, Any]
    ) -> None:
        self.function = function
        self.main = main
        self.digests = digests
        self.bound = bound


_kept: OrderedDict[bytes, _Kept] = OrderedDict()


def read_definition(name: bytes, data: bytes | memoryview) -> tuple[Callable[..., Any], int]:
    """The function that a definition makes, and where in the data the arguments begin.

    Raises:
        ValueError: the lengths do not add up.
        Exception: what making it raised.
    """
    length = _length_of(name)
    kept = _kept.get(name)
    if kept is not None:
        kept.main.enter()
        if kept.main.is_current(kept.digests, kept.bound):
            _kept.move_to_end(name)
            return kept.function, length
    if length > len(data):
        raise ValueError(f"a definition of {length} bytes in a payload of {len(data)}")
    made = _make(memoryview(data)[:length])
    if length <= DEFINITION_BYTES_MAX:
        _keep(name, made)
    return made.function, length


def _keep(name: bytes, made: _Kept) -> None:
    _kept[name] = made
    while len(_kept) > DEFINITIONS_KEPT or sum(_length_of(kept) for kept in _kept) > KEPT_BYTES_MAX:
        _kept.popitem(last=False)


def _length_of(name: bytes) -> int:
    (length,) = _LENGTH.unpack_from(name, len(DEFINITION_MARK) + DIGEST_BYTES)
    return int(length)


def _make(data: memoryview) -> _Kept:
    (head_bytes,) = _LENGTH.unpack_from(data)
    start = _LENGTH.size + head_bytes
    version, session, path, containers, values, definition_bytes = pickle.loads(data[_LENGTH.size : start])
    if version != _VERSION:
        theirs, ours = (".".join(map(str, each)) for each in (version, _VERSION))
        raise ImportError(
            f"the function is code of Python {theirs}, and this worker is Python {ours}: use one version, or put the "
            "function into a module that the workers can import"
        )
    for entry in path:
        if entry not in sys.path:
            sys.path.append(entry)
    main = main_module(session)
    main.enter()
    plain = {name: each for name, each in values.items() if "." not in name and b"find_in_main" not in each[1]}
    main.assign(plain, _is_same)  # first: classes may use them while they are made
    main.reserve(containers)
    bound: dict[str, Any] = {}
    stream = io.BytesIO(data[start : start + definition_bytes])
    unpickler = pickle.Unpickler(stream)
    while stream.tell() < definition_bytes:
        part = unpickler.load()
        bound.update(main.bind(part))
    main.assign(values, _is_same)
    function = pickle.loads(data[start + definition_bytes :])
    return _Kept(function, main, {name: digest for name, (digest, _) in values.items()}, bound)


def _is_same(value: Any, data: bytes) -> bool:
    """Whether a variable that the import has made is what the caller's is."""
    try:
        return Packing(answer=True).dump_variable(value) == data
    except Exception:  # noqa: BLE001 - pickling runs code of the script's classes, which may raise anything
        return False
