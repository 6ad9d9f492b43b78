"""Definitions: functions as bytes, made at the worker once for many calls."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from argon.call import definitions
from argon.call.definitions import Definition, definition_of, read_definition
from argon.call.main_modules import main_module
from argon.call.pickler import Packing
from argon.call.script_source import own_session
from tests.support.two_ends import script, worker

SOURCE = """
RATE = 3
BOOK = [1]
SEEN = []

def rated(number): return number * RATE

def counted(): SEEN.append(1); return len(SEEN)

def total(): return sum(BOOK)

def called_by_name(): return rated(2)

class Plain: pass

def made(): return Plain()
"""


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Any:
    return script(monkeypatch, SOURCE)


def read(definition: Definition) -> Any:
    function, length = read_definition(definition.name, definition.data)
    assert length == len(definition.data)
    return function


def test_a_definition_is_kept_while_what_the_function_uses_stays(main: Any) -> None:
    first = definition_of(main.rated, None)
    assert definition_of(main.rated, None) is first
    main.RATE = 4
    second = definition_of(main.rated, None)
    assert second.name != first.name


def test_equal_definitions_have_equal_names(main: Any) -> None:
    assert Definition(main.rated, Packing()).name == Definition(main.rated, Packing()).name
    assert Definition(main.rated, Packing()).name != Definition(main.called_by_name, Packing()).name


@pytest.mark.parametrize("name", ["total", "made"])
def test_what_can_change_unseen_is_packed_anew_for_each_call(main: Any, name: str) -> None:
    function = getattr(main, name)
    assert definition_of(function, None) is not definition_of(function, None)


def test_a_change_inside_a_variable_arrives(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = definition_of(main.total, None)
    main.BOOK.append(5)
    after = definition_of(main.total, None)
    with worker(monkeypatch):
        assert [read(before)(), read(after)(), read(after)()] == [1, 6, 6]


def test_the_function_is_made_once_and_what_tasks_put_into_variables_lasts(
    main: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = definition_of(main.counted, None)
    with worker(monkeypatch):
        assert read(definition) is read(definition)
        assert [read(definition)() for _ in range(3)] == [1, 2, 3]


def test_a_function_that_was_kept_never_runs_with_what_another_version_uses(
    main: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = definition_of(main.called_by_name, None)
    main.rated.__code__ = (lambda number: -number).__code__
    new = Definition(main.called_by_name, Packing())
    main.RATE = 5
    with worker(monkeypatch):
        assert [read(old)(), read(new)(), read(old)(), read(new)()] == [6, -2, 6, -2]


def test_two_callers_do_not_meet(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = definition_of(main.counted, None)
    theirs = script(monkeypatch, SOURCE)
    other = definition_of(theirs.counted, None)
    with worker(monkeypatch):
        assert [read(ours)(), read(ours)(), read(other)(), read(ours)()] == [1, 2, 1, 3]
        assert sys.modules["__main__"].__dict__["SEEN"] == [1, 1, 1]


def test_at_the_caller_itself_it_is_the_function_with_the_programs_own_variables(main: Any) -> None:
    read(definition_of(main.counted, None))()
    assert main.SEEN == [1]
    assert main_module(own_session()).module is main


def test_code_of_another_python_is_refused_in_words(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = definition_of(main.rated, None)
    with worker(monkeypatch):
        monkeypatch.setattr(definitions, "_VERSION", (3, 99))
        with pytest.raises(ImportError, match=r"Python 3\.1\d, and this worker is Python 3\.99: use one version"):
            read(definition)


def test_lengths_that_do_not_add_up_are_refused(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = definition_of(main.rated, None)
    with worker(monkeypatch), pytest.raises(ValueError, match="a definition of"):
        read_definition(definition.name, definition.data[:-1])


def test_the_worker_keeps_a_bounded_number_and_the_latest_used(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "DEFINITIONS_KEPT", 2)
    first, second, third = (definition_of(getattr(main, name), None) for name in ("rated", "counted", "called_by_name"))
    with worker(monkeypatch):
        kept = read(first)
        read(second)
        assert read(first) is kept
        read(third)
        assert list(definitions._kept) == [first.name, third.name]


def test_the_worker_keeps_a_bounded_number_of_bytes(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = definition_of(main.rated, None), definition_of(main.counted, None)
    monkeypatch.setattr(definitions, "KEPT_BYTES_MAX", len(second.data))
    with worker(monkeypatch):
        read(first)
        read(second)
        assert list(definitions._kept) == [second.name]


def test_what_is_too_large_is_kept_nowhere(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "DEFINITION_BYTES_MAX", 10)
    definition = definition_of(main.rated, None)
    assert definition_of(main.rated, None) is not definition
    with worker(monkeypatch):
        read(definition)
        assert not definitions._kept


@pytest.mark.parametrize(("limit", "value"), [("DEFINITIONS_KEPT", 1), ("KEPT_BYTES_MAX", 0)])
def test_the_caller_keeps_a_bounded_number(main: Any, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(definitions, limit, value)
    definition_of(main.rated, None)
    definition_of(main.counted, None)
    definition_of(main.called_by_name, None)
    assert len(definitions._carried) == 1


def test_a_forked_caller_packs_under_its_own_session(main: Any) -> None:
    definition_of(main.rated, None)
    child = os.fork()
    if child == 0:
        os._exit(own_session() not in definition_of(main.rated, None).data)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
