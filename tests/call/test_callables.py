"""Names of functions, and functions by name."""

from __future__ import annotations

import json
import math
import operator
import os.path
import sys
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from argon.call import callables
from argon.call.callables import find, importable, name_of
from argon.errors import MayHaveRun, UnknownFunction
from tests.support import tasks


class Outer:
    class Inner:
        @staticmethod
        def fixed() -> int:
            return 1

        @classmethod
        def bound(cls) -> int:
            return 2


def original() -> None:
    """Cannot be found by its name, which the wrapper has taken."""


original.__qualname__ = "plain"


@wraps(original)
def plain() -> None:
    """Has the name of the one inside."""


@pytest.mark.parametrize(
    "function",
    [
        math.sqrt,
        len,
        int,
        json.dumps,
        os.path.join,
        operator.add,
        Outer.Inner,
        Outer.Inner.fixed,
        partial,
        plain,
        tasks.Sum,
    ],
)
def test_function_of_a_module_is_found_by_its_name(function: Any) -> None:
    name = name_of(function)
    assert importable(function, name)
    assert find(name.encode()) is function


@pytest.mark.parametrize(
    "function", [lambda: 1, original, Outer.Inner.bound, partial(plain), "".join, [].append, Path("a").joinpath]
)
def test_function_that_others_do_not_find_is_not_importable(function: Any) -> None:
    assert not importable(function, name_of(function))


def test_function_of_main_is_not_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "plain", plain, raising=False)
    assert not importable(plain, name_of(plain))


def test_partials_are_named_for_the_function_inside() -> None:
    assert name_of(partial(partial(math.pow, 2), 3)) == "math:pow"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("math:sqr", "did you mean math:sqrt"),
        ("jsn:dumps", "did you mean json"),
        ("tests.support.task:identity", "did you mean tests.support.tasks"),
        ("tests.support.tasks:Sum.rum", "did you mean tests.support.tasks:Sum.run"),
        ("math:pi", "a float, which cannot be called"),
        ("math", "module:function"),
        (":sqrt", "module:function"),
        ("math:sqrt.deeper.still", "has no 'deeper'"),
        ("\ud800:\ud800", "there is no module"),
        ("math:" + "x" * 100_000, "has no"),
    ],
)
def test_unknown_name_is_told_with_what_comes_close(name: str, hint: str) -> None:
    with pytest.raises(UnknownFunction) as raised:
        find(name.encode("utf-8", "replace"))
    assert hint in str(raised.value)
    assert len(str(raised.value)) < 2000
    assert raised.value.may_have_run is MayHaveRun.NO


def test_unknown_name_is_told_with_the_path_and_the_version() -> None:
    with pytest.raises(UnknownFunction, match=r"sys.path begins with .*Python is 3\."):
        find(b"math:sqr")


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import a_module_that_is_missing", "No module named 'a_module_that_is_missing'"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_module_that_fails_to_import_is_reported_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    module(tmp_path, "failing_here", text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownFunction) as raised:
        find(b"failing_here:f")
    assert words in str(raised.value)
    assert "failing_here.py" in str(raised.value)


def test_function_that_was_unknown_is_found_once_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownFunction):
        find(b"written_later:f")
    module(tmp_path, "written_later", "def f(): return 5")
    from importlib import invalidate_caches

    invalidate_caches()
    assert find(b"written_later:f")() == 5


def test_functions_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callables, "CACHED_FUNCTIONS", 2)
    monkeypatch.setattr(callables, "_found", {})
    for name in (b"math:sin", b"math:cos", b"math:tan", b"math:exp"):
        find(name)
        assert len(callables._found) <= 2
