"""Parts of a script: their names, and their functions."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from argon.call.script_parts import functions_in, is_definition, is_facts, own_name
from tests.support.two_ends import script

SOURCE = """
import functools, typing

def plain(): return 1

def decorated(function):
    @functools.wraps(function)
    def wrapper(): return function()
    return wrapper

@decorated
def inner(): return 2

class Base:
    def first(self): return 1

class Child(Base):
    @property
    def second(self): return 2

    @staticmethod
    @functools.cache
    def third(): return 3

UserId = typing.NewType("UserId", int)
number = 5
"""


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Any:
    return script(monkeypatch, SOURCE)


def names(value: Any) -> set[str]:
    return {function.__code__.co_name for function in functions_in(value)}


def test_functions_of_a_class_are_its_own_and_those_of_its_bases(main: Any) -> None:
    assert names(main.Child) == {"first", "second", "third"}


def test_functions_of_a_wrapper_are_itself_and_what_it_wraps(main: Any) -> None:
    assert names(main.inner) == {"wrapper", "inner"}
    assert names(functools.partial(main.plain)) == {"plain"}
    assert names(main.Child().first) == {"first"}


def test_what_has_no_functions_of_the_script_has_none(main: Any) -> None:
    assert names(int) == set()
    assert names(5) == set()


def test_functions_classes_and_what_says_that_it_is_of_the_script_are_definitions(main: Any) -> None:
    assert all(is_definition(value) for value in (main.plain, main.Base, main.UserId, pytest))
    assert not is_definition(main.number)
    assert [own_name(value) for value in (main.plain, main.Base, main.UserId)] == ["plain", "Base", "UserId"]


def test_facts_are_what_python_or_a_library_has_put_there() -> None:
    assert [name for name in ("__doc__", "_fields_", "_abc_impl", "_cache", "limit") if is_facts(name)] == [
        *("__doc__", "_fields_", "_abc_impl"),
    ]
