"""Whether what was loaded from a pickle is what was pickled.

In: an exception, and what its pickle has become. Out: whether they are equal, type for type and part for part. It must
never ask their classes: many compare by identity, and some by less than they hold. It must never loop, nor raise.
"""

from __future__ import annotations

import copyreg
import re
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from argon.call.exception_parts import ExceptionParts, has_hidden_state, parts_of, pickles_by_itself
from argon.call.failure_text import message_of

PARTS_MAX: Final = 1 << 20

_PLAIN: Final = frozenset({int, bool, str, bytes, bytearray, range, slice, CodeType})
_PROTOCOL: Final = 4  # 5 says how an array lies in memory, and that may change

_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,}\b")


def is_equal(pickled: object, loaded: object, *, as_reduced: bool = False) -> bool:
    """Compares two values, whatever code of theirs that runs.

    Args:
        as_reduced: exceptions whose class says how they are pickled are equal if all is that this keeps, and their
            arguments, text and notes. Otherwise, and by default, each attribute counts.
    """
    try:
        return _Comparison(as_reduced).compare(pickled, loaded)
    except BaseException:  # noqa: BLE001 - taking them apart runs code of the task's classes, which may raise anything
        return False


class _Unequal(Exception):
    """Two parts differ."""


class _Comparison:
    """The pairs of parts that must be equal. Those of one object must be one object as well."""

    def __init__(self, as_reduced: bool) -> None:
        self._as_reduced = as_reduced
        self._waiting: list[tuple[Any, Any]] = []
        self._partners: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no id is used again

    def compare(self, pickled: object, loaded: object) -> bool:
        self._waiting.append((pickled, loaded))
        try:
            while self._waiting:
                one, other = self._waiting.pop()
                if one is not other:
                    self._compare_parts(one, other)
        except _Unequal:
            return False
        return True

    def _compare_parts(self, one: Any, other: Any) -> None:
        kind = type(one)
        _require(kind is type(other))
        if kind in _PLAIN:
            _require(one == other)
        elif kind is float:
            _require(one.hex() == other.hex())  # of one sign, and a NaN equals a NaN
        elif kind is complex:
            self._push((one.real, one.imag), (other.real, other.imag))
        elif self._is_new(one, other):
            if kind is list or kind is tuple:
                self._push(one, other)
            elif kind is dict:
                self._push_dict(one, other)
            elif kind is set or kind is frozenset:
                by_value = {value: value for value in other}
                self._push(one, [by_value.get(value) for value in one])
            elif issubclass(kind, BaseException):
                self._push_exception(one, other)
            elif kind is FunctionType:
                self._push(_function_parts(one), _function_parts(other))
            else:
                self._push(_reduced(one), _reduced(other))

    def _is_new(self, one: Any, other: Any) -> bool:
        partner = self._partners.get(id(one))
        if partner is None:
            _require(len(self._kept) < PARTS_MAX)
            self._kept.append(one)
            self._partners[id(one)] = other
            return True
        _require(partner is other or type(one) is tuple or type(one) is frozenset)
        return False

    def _push(self, ones: Any, others: Any) -> None:
        _require(len(ones) == len(others))
        self._waiting += zip(ones, others, strict=True)

    def _push_dict(self, one: dict[Any, Any], other: dict[Any, Any]) -> None:
        if all(type(key) is str for key in one):
            _require(one.keys() == other.keys() and all(type(key) is str for key in other))
            self._push(list(one.values()), [other[key] for key in one])
        else:
            self._push(list(one), list(other))
            self._push(list(one.values()), list(other.values()))

    def _push_exception(self, one: BaseException, other: BaseException) -> None:
        parts, other_parts = parts_of(one), parts_of(other)
        if self._as_reduced and pickles_by_itself(type(one)):
            self._push((parts.args, _notes(parts)), (other_parts.args, _notes(other_parts)))
            self._push(_reduced(one), _reduced(other))
        else:
            self._push(parts, other_parts)
            if has_hidden_state(type(one)):
                self._push(_reduced(one), _reduced(other))
        text, other_text = message_of(one), message_of(other)
        _require(text == other_text or _ADDRESS.sub("", text) == _ADDRESS.sub("", other_text))


def _notes(parts: ExceptionParts) -> Any:
    return parts.attributes.get("__notes__")


def _require(equal: bool) -> None:
    if not equal:
        raise _Unequal


def _function_parts(function: FunctionType) -> tuple[Any, ...]:
    """What a function that was pickled by value consists of."""
    cells = tuple([cell.cell_contents for cell in function.__closure__ or ()])
    defaults = function.__defaults__, function.__kwdefaults__
    return function.__qualname__, function.__code__, defaults, cells, function.__dict__


def _reduced(value: Any) -> tuple[Any, ...]:
    """What pickle would make of an object: the function that makes it again, its arguments, its state, its items."""
    kind = type(value)
    _require(not issubclass(kind, type | ModuleType))  # these are equal if they are the same
    reduce = copyreg.dispatch_table.get(kind)
    reduced: Any = value.__reduce_ex__(_PROTOCOL) if reduce is None else reduce(value)
    _require(type(reduced) is tuple)  # a name, and what has one is the same or another thing
    function, args, *rest = reduced
    state, items, pairs, setter = (*rest, None, None, None, None)[:4]
    return function, args, state, _listed(items), _listed(pairs), setter


def _listed(items: Iterable[Any] | None) -> list[Any]:
    return [] if items is None else list(items)
