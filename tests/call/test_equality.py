"""Equal is what has the same types and parts, whatever classes say of it."""

from __future__ import annotations

import copy
import datetime
import decimal
import functools
import math
import re
from collections import OrderedDict, defaultdict, deque, namedtuple
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from argon.call import equality
from argon.call.equality import is_equal
from tests.support.exceptions import MessageFromArguments

Point = namedtuple("Point", "x y")


class Text(str):
    note = ""


class Part:
    def __init__(self, value: object) -> None:
        self.value = value


class Agreeable(Part):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Unreducible:
    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise SystemExit


def looped(value: object) -> list[object]:
    loop: list[object] = [value]
    loop.append({"again": loop})
    return loop


def twice(value: object, *, one: bool) -> list[object]:
    first = [value]
    return [first, first if one else [value]]


@pytest.mark.parametrize(
    "value",
    [
        [1, 1.5, True, None, "text", b"bytes", bytearray(b"x"), 1j, range(3), slice(1, 2)],
        math.nan,
        [[]] * 3,
        {"a": {1: (2, [3])}, (1, 2): "b"},
        {1, "a", (2, 3)},
        frozenset({b"x"}),
        Point(1, [2]),
        Part(Part({"deep": Part(1)})),
        OrderedDict(a=1),
        defaultdict(list, a=[1]),
        deque([1, 2], maxlen=3),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("1.10"),
        Fraction(1, 3),
        Path("/a/b"),
        re.compile("a+"),
        functools.partial(max, 1),
        [1].append,
        np.arange(12.0).reshape(3, 4)[:, ::2],
        np.array([1, "a"], dtype=object),
        np.float32(1.5),
        looped(4),
        twice(4, one=True),
        twice(4, one=False),
        ExceptionGroup("two", [ValueError(1), OSError(2, "gone", "/x")]),
        KeyError(Part(1)),
    ],
)
def test_deep_copy_is_equal(value: object) -> None:
    assert is_equal(value, copy.deepcopy(value))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (0j, complex(-0.0, 0)),
        ("a", Text("a")),
        ([1], (1,)),
        ([1], [1, 2]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"b": 1}),
        ({1: 1}, {True: 1}),
        ({1, 2}, {1, 3}),
        ({1}, {True}),
        (frozenset({(1,)}), frozenset({(True,)})),
        (Part(1), Part(2)),
        (Part(1), Agreeable(1)),
        (Agreeable(1), Agreeable(2)),
        (object, type),
        (int, bool),
        (math, re),
        (np.arange(3), np.arange(3.0)),
        (np.arange(3), np.arange(4)),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (deque([1], maxlen=2), deque([1], maxlen=3)),
        (OrderedDict(a=1), OrderedDict(a=2)),
        (looped(4), looped(5)),
        (twice(4, one=True), twice(4, one=False)),
        (lambda: 1, lambda: 2),
        (functools.partial(max, 1), functools.partial(min, 1)),
        (Unreducible(), Unreducible()),
        (ValueError(1), KeyError(1)),
        (ValueError(1), ValueError(2)),
        (OSError(2, "a", "f"), OSError(2, "a", "g")),
        (MessageFromArguments("ann"), MessageFromArguments("bob")),
        (MessageFromArguments("ann"), MessageFromArguments("quota of ann is used up")),
        (ExceptionGroup("a", [ValueError(1)]), ExceptionGroup("a", [ValueError(2)])),
    ],
)
def test_what_differs_in_a_type_or_a_part_is_not_equal(value: object, other: object) -> None:
    assert not is_equal(value, other)
    assert not is_equal([value], [other])


def test_attribute_of_a_text_counts() -> None:
    text, other = Text("a"), Text("a")
    assert is_equal(text, other)
    other.note = "changed"
    assert not is_equal(text, other)


def test_attribute_and_note_of_an_exception_count() -> None:
    noted = ValueError("no")
    noted.add_note("here")
    assert not is_equal(noted, ValueError("no"))


def test_functions_of_one_code_are_equal_if_they_hold_the_same() -> None:
    def made(n: int) -> Any:
        return lambda: n

    assert is_equal(made(1), made(1))
    assert not is_equal(made(1), made(2))


def test_exceptions_whose_text_has_another_address_are_equal() -> None:
    one, other = Part(1), Part(1)
    assert repr(one) != repr(other)
    assert is_equal(ValueError(one, "0xabcdef01"), ValueError(other, "0xabcdef01"))


def test_exceptions_whose_text_differs_though_their_parts_do_not_are_unequal() -> None:
    class Counted(Exception):
        texts = iter("ab")

        def __str__(self) -> str:
            return next(self.texts)

    assert not is_equal(Counted(), Counted())


def test_state_that_only_the_class_can_tell_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(Exception):
        def __reduce__(self) -> Any:
            return Hidden, (id(self),)

    monkeypatch.setattr(equality, "has_hidden_state", lambda cls: cls is Hidden)
    one, other = Hidden(), Hidden()
    assert is_equal(one, one)
    assert not is_equal(one, other)


def test_deep_values_need_no_stack() -> None:
    def deep() -> list[Any]:
        value: list[Any] = []
        for _ in range(20_000):
            value = [value]
        return value

    assert is_equal(deep(), deep())


def test_what_has_too_many_parts_is_not_found_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [[number] for number in range(10)]
    assert is_equal(parts, copy.deepcopy(parts))
    monkeypatch.setattr(equality, "PARTS_MAX", 5)
    assert not is_equal(parts, copy.deepcopy(parts))
