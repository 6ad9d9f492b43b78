"""Text of values that do what they like when they are asked for it."""

from __future__ import annotations

import doctest
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from argon.cli import plain_text
from argon.cli.plain_text import DIGITS_MAX, long_integers, text_of


class Raising:
    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __repr__(self) -> NoReturn:
        raise self.kind


class Odd(str):
    def __str__(self) -> NoReturn:
        raise RuntimeError

    def encode(self, *_: Any) -> NoReturn:  # type: ignore[override]
        raise RuntimeError


class Silent:
    def __repr__(self) -> Any:
        return None


class Tricky:
    def __repr__(self) -> str:
        return Odd("fine")


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit])
def test_what_is_raised_is_returned(kind: type[BaseException]) -> None:
    assert isinstance(text_of(repr, Raising(kind)), kind)


def test_what_is_no_text_is_an_error() -> None:
    assert isinstance(text_of(repr, Silent()), TypeError)


def test_text_of_a_subclass_is_plain() -> None:
    text = text_of(repr, Tricky())
    assert (type(text), text) == (str, "fine")


def test_ctrl_c_goes_on_in_the_main_thread_only() -> None:
    seen: list[str | BaseException] = []
    with pytest.raises(KeyboardInterrupt):
        text_of(repr, Raising(KeyboardInterrupt))
    thread = threading.Thread(target=lambda: seen.append(text_of(repr, Raising(KeyboardInterrupt))))
    thread.start()
    thread.join()
    assert isinstance(seen[0], KeyboardInterrupt)


def test_long_integers_are_converted_and_the_limit_is_back_afterwards() -> None:
    assert text_of(str, 10**5000) == "1" + "0" * 5000
    assert isinstance(text_of(str, 10 ** (2 * DIGITS_MAX)), ValueError)
    assert sys.get_int_max_str_digits() == 4300


@pytest.mark.parametrize("digits", [0, 2 * DIGITS_MAX])
def test_higher_limit_or_none_stays(digits: int) -> None:
    sys.set_int_max_str_digits(digits)
    with long_integers():
        assert sys.get_int_max_str_digits() == digits


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(plain_text).failed == 0
