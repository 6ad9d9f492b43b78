"""What exceptions consist of, and how they are made again without their ``__init__``."""

from __future__ import annotations

import copyreg
import json
import pickle
import ssl
from typing import Any, ClassVar, NoReturn
from weakref import WeakKeyDictionary

import pytest

from argon.call import exception_parts
from argon.call.exception_parts import StandIns, has_hidden_state, parts_of, pickles_by_itself
from tests.support.exceptions import (
    ByItself,
    ChangedByLoading,
    FromKeywords,
    FromParts,
    MessageFromArguments,
    NewAndInit,
    NotFound,
    Several,
    Slotted,
    SlottedBelow,
)


class MadeInC(Exception):
    """As a validator that is written in another language: nothing of it is seen but what its class tells pickle."""

    state: ClassVar[WeakKeyDictionary[MadeInC, str]] = WeakKeyDictionary()

    @property
    def hidden(self) -> str:
        return self.state[self]

    @classmethod
    def parsed(cls, text: str) -> MadeInC:
        made = cls()
        cls.state[made] = text
        return made

    @classmethod
    def again(cls, text: str) -> MadeInC:
        made = cls("other arguments")
        cls.state[made] = text
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return MadeInC.again, (self.hidden,)


def never(_: BaseException) -> bool:
    return False


def made_again(error: BaseException) -> Any:
    return pickle.loads(pickle.dumps(StandIns(never).replaced(error)))


@pytest.mark.parametrize(
    "error",
    [
        MessageFromArguments("ann"),
        FromKeywords(code=409),
        NewAndInit(1, 2),
        NotFound("/x"),
        Slotted("x"),
        SlottedBelow("x"),
        OSError(2, "no", "a", None, "b"),
        OSError("only text"),
        BlockingIOError(11, "would block", 5),
        ImportError("no", name="n", path="p"),
        SyntaxError("bad", ("file", 1, 2, "text", 1, 3)),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        KeyError("k"),
        MemoryError(),
        ssl.SSLCertVerificationError(1, "bad"),
    ],
)
def test_exception_is_made_again_from_its_parts(error: BaseException) -> None:
    again = made_again(error)
    assert type(again) is type(error)
    assert parts_of(again) == parts_of(error)
    assert (str(again), repr(again)) == (str(error), repr(error))


def test_name_of_what_is_missing_is_a_part_and_the_object_is_not() -> None:
    with pytest.raises(AttributeError) as caught:
        ssl.missing  # type: ignore[attr-defined]  # noqa: B018 - this is the point
    assert made_again(caught.value).name == "missing"
    assert made_again(caught.value).obj is None


def test_notes_are_parts() -> None:
    error = ValueError("no")
    error.add_note("of task 4")
    assert made_again(error).__notes__ == ["of task 4"]


def test_group_is_made_again_with_its_members() -> None:
    group = Several([MessageFromArguments("ann"), ExceptionGroup("inner", [FromKeywords(code=1)])])
    again = made_again(group)
    assert type(again) is Several
    assert str(again) == "2 faults (2 sub-exceptions)"
    assert (again.exceptions[0].user, again.exceptions[1].exceptions[0].code) == ("ann", 1)
    assert again.args[0][0] is again.exceptions[0]


def test_exceptions_among_the_parts_are_made_again_too_and_one_stays_one() -> None:
    error = FromParts({"first": [MessageFromArguments("ann")]})
    error.first = error.parts["first"][0]
    again = made_again(error)
    assert str(again.first) == "quota of ann is used up"
    assert again.parts["first"][0] is again.first


def test_exception_that_holds_itself_is_made_again() -> None:
    error = ValueError()
    error.args = (error, [error])
    again = made_again(error)
    assert again.args[0] is again
    assert again.args[1][0] is again


def test_slot_that_is_not_assigned_stays_so() -> None:
    error = Slotted("x")
    del error.x
    with pytest.raises(AttributeError):
        made_again(error).x  # noqa: B018 - this is the point


def test_class_cannot_hinder_that_its_exceptions_are_made_again() -> None:
    class Closed(Exception):
        def __new__(cls, *args: object) -> NoReturn:
            raise AssertionError

        def __init__(self) -> None:
            raise AssertionError

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise AssertionError

        def __getattribute__(self, name: str) -> NoReturn:
            raise AssertionError

    error = Exception.__new__(Closed, 4)
    assert parts_of(error).args == (4,)


def test_what_stays_is_pickled_as_its_class_says() -> None:
    error = ByItself("ann", 3)
    assert StandIns(stays=lambda _: True).replaced(error) is error
    assert StandIns(stays=never).replaced(error) is not error
    assert StandIns(stays=lambda _: True).replaced(KeyError(4)) is not error


@pytest.mark.parametrize("cls", [ByItself, ChangedByLoading, json.JSONDecodeError])
def test_class_with_a_method_for_pickle_pickles_by_itself(cls: type[Exception]) -> None:
    assert pickles_by_itself(cls)


@pytest.mark.parametrize("cls", [ValueError, OSError, ImportError, AttributeError, ExceptionGroup, FromKeywords])
def test_class_without_one_does_not_pickle_by_itself(cls: type[Exception]) -> None:
    assert not pickles_by_itself(cls)


def test_class_that_is_registered_with_copyreg_pickles_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(copyreg.dispatch_table, FromKeywords, lambda error: (FromKeywords, (), {"code": error.code}))
    assert pickles_by_itself(FromKeywords)


def test_state_that_cannot_be_seen_is_known_by_the_size() -> None:
    class Hidden(Exception):
        __slots__ = ("x",)

    class Below(Hidden):
        pass

    assert not has_hidden_state(Below)
    del Hidden.x  # type: ignore[attr-defined]
    assert has_hidden_state(Below)
    with pytest.raises(TypeError, match="nobody can make another"):
        StandIns(never).replaced(Below(4))


def test_exception_with_hidden_state_is_made_by_its_class_and_given_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exception_parts, "has_hidden_state", lambda cls: cls is MadeInC)
    error = MadeInC.parsed("ann")
    error.add_note("of row 4")
    again = made_again(error)
    assert (again.hidden, again.args, again.__notes__) == ("ann", (), ["of row 4"])
    assert made_again(ValueError(error)).args[0].hidden == "ann"


@pytest.mark.parametrize("cls", [SlottedBelow, Several, NotFound, ssl.SSLCertVerificationError])
def test_state_that_is_seen_is_not_hidden(cls: type[BaseException]) -> None:
    assert not has_hidden_state(cls)
