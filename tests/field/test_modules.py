"""Modules that only the caller has mean in a worker what they mean to it.

The situations are from dask/distributed#4954, cloudpipe/cloudpickle#417 and pytest-dev/pytest#7859: plugins that are
loaded by their path, generated modules, and folders that come to the path when the workers run already.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import argon

SOURCE = """
import enum, functools

FACTOR = 2
SEEN = []

class Item:
    __slots__ = ("number",)

    def __init__(self, number): self.number = number

class Color(enum.Enum):
    RED = 1, "warm"

    def __init__(self, number, mood): self.mood = mood

def times(number): return number * FACTOR

def counted():
    SEEN.append(1)
    return len(SEEN)

@functools.cache
def cached(number): return times(number)

def grown(item): return Item(times(item.number))

def mood(color): return color.mood, color
"""


@pytest.fixture(scope="module")
def client() -> Iterator[argon.Client]:
    with argon.local(workers=1) as client:
        yield client.with_options(timeout=60)


@pytest.fixture(params=["generated", "loaded by its path", "registered"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    name = f"plugin_{request.param.replace(' ', '_')}"
    made: Any
    if request.param == "generated":
        made = types.ModuleType(name)
        exec(SOURCE, made.__dict__)
    else:
        (tmp_path / "elsewhere.py").write_text(SOURCE)
        spec = importlib.util.spec_from_file_location(name, tmp_path / "elsewhere.py")
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    monkeypatch.setitem(sys.modules, name, made)
    if request.param == "registered":
        cloudpickle.register_pickle_by_value(made)
    yield made
    if request.param == "registered":
        cloudpickle.unregister_pickle_by_value(made)


def test_its_functions_run_and_what_they_put_into_variables_lasts(client: argon.Client, module: Any) -> None:
    assert client.run(module.times, 3) == 6
    assert [client.run(module.counted) for _ in range(3)] == [1, 2, 3]
    assert client.run(module.cached, 4) == 8


def test_its_variables_are_what_the_caller_has_now(client: argon.Client, module: Any) -> None:
    assert client.run(module.times, 3) == 6
    module.FACTOR = 5
    assert client.run(module.times, 3) == 15
    assert list(client.map(module.times, [1, 2])) == [5, 10]


def test_its_classes_come_back_as_themselves(client: argon.Client, module: Any) -> None:
    back = client.run(module.grown, module.Item(2))
    assert type(back) is module.Item
    assert back.number == 4
    assert client.run(module.mood, module.Color.RED) == ("warm", module.Color.RED)


def test_a_function_that_uses_it_finds_it(client: argon.Client, module: Any) -> None:
    def twice(number: int) -> Any:
        return module.times(module.times(number))

    assert client.run(twice, 1) == 4


def test_a_module_whose_folder_came_to_the_path_later_is_imported(
    client: argon.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "came_late.py").write_text("from came_later_still import f\n\ndef g(number): return f(number) + 1\n")
    (tmp_path / "came_later_still.py").write_text("def f(number): return number * 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    late = importlib.import_module("came_late")
    assert client.run(late.g, 3) == 7
    assert client.run(lambda: late.g(4)) == 9


def test_a_function_of_a_namespace_that_is_no_module_travels_with_it(client: argon.Client) -> None:
    names: dict[str, Any] = {}
    exec("import math\ndef f(number): return g(number) + math.floor(1.5)\ndef g(number): return number * 2\n", names)
    assert client.run(names["f"], 3) == 7


def test_without_a_cluster_of_its_own_the_error_names_the_module(client: Any, module: Any) -> None:
    if module.__name__.endswith("registered"):
        pytest.skip("it travels by value to any cluster")
    with argon.Client(client.address, token=client.token) as stranger, pytest.raises(argon.UnknownFunction) as caught:
        stranger.with_options(timeout=60).run(module.times, 3)
    assert module.__name__ in str(caught.value)
