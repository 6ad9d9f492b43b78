"""Exceptions put into words, whatever their classes do."""

from __future__ import annotations

import pickle
from typing import NoReturn

import pytest

from argon.call.failure_text import RemoteTraceback, clip, describe, message_of, traceback_of, type_name
from argon.errors import MayHaveRun, UnknownFunction


class Rude(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Text(str):
    __slots__ = ()

    def __len__(self) -> NoReturn:
        raise SystemExit


class Subclassed(Exception):
    def __str__(self) -> str:
        return Text("words")


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - of any kind
        return caught


def test_text_that_raises_is_replaced() -> None:
    assert message_of(Rude()) == "<str() of this Rude raised KeyboardInterrupt>"
    assert "Rude" in traceback_of(raised(Rude()))


def test_text_of_a_subclass_becomes_plain() -> None:
    assert type(message_of(Subclassed())) is str
    assert message_of(Subclassed()) == "words"


def test_traceback_has_causes_and_notes() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    error.add_note("look here")
    text = traceback_of(raised(error))
    assert text.index("KeyError: 'inner'") < text.index("ValueError: outer") < text.index("look here")


def test_traceback_of_causes_in_a_circle_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert "first" in traceback_of(raised(first))


def test_text_that_is_as_long_as_it_may_be_is_whole() -> None:
    assert clip("a" * 100, 100) == "a" * 100


@pytest.mark.parametrize("chars_max", [0, 1, 10, 40, 100, 1000])
def test_clipped_text_keeps_its_ends_and_the_limit(chars_max: int) -> None:
    text = clip("a" * 500 + "z" * 500, chars_max)
    assert len(text) <= chars_max
    if chars_max >= 100:
        assert (text[0], text[-1]) == ("a", "z")


def test_text_that_no_encoder_accepts_is_mended() -> None:
    assert clip("\ud800 ä", 100) == "? ä"


def test_description_says_who_raised_and_whether_it_ran() -> None:
    unknown = describe(UnknownFunction("no f"), node="n", by_argon=True, chars_max=100)
    assert (unknown.by_argon, unknown.may_have_run, unknown.message) == (True, MayHaveRun.NO, "no f")
    nested = describe(UnknownFunction("no f"), node="n", by_argon=False, chars_max=100)
    assert (nested.by_argon, nested.may_have_run) == (False, MayHaveRun.YES)


def test_type_names_read_as_in_tracebacks() -> None:
    assert type_name(ValueError) == "ValueError"
    assert type_name(UnknownFunction) == "argon.errors.UnknownFunction"


def test_remote_traceback_survives_pickling() -> None:
    assert str(pickle.loads(pickle.dumps(RemoteTraceback("text")))) == str(RemoteTraceback("text")) == '\n"""\ntext"""'
