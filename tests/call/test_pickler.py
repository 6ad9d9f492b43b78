"""What belongs to a call or to an answer: what travels by name, what by value, and what cannot."""

from __future__ import annotations

import io
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from argon.call.main_modules import main_module, offer_script
from argon.call.pickler import NotSendable, Packing
from argon.call.script import Script
from argon.call.script_source import ScriptSource, own_session
from tests.support.two_ends import script, worker

SOURCE = """
import json
RATE = 3
BIG = bytes(2 << 20)

def rated(number): return number * RATE

def by_name(): return rated(2)

def reads_big(): return len(BIG)

def uses_module(): return json.dumps([1])

def adder(step):
    def add(number): return number + step + RATE
    return add

class Plain:
    def __eq__(self, other): return type(other) is type(self)

    def method(self): return rated(1)

class Child(Plain): pass
"""


class Imported(Script):
    """A script whose workers have imported it: they find by name what is there."""

    def __init__(self, main: Any, changed: tuple[str, ...] = ()) -> None:
        super().__init__(list(sys.path), importing=False)
        self.source = ScriptSource(own_session(), SOURCE.encode(), "/folder/s.py", None)
        self.by_value_because = ""
        self._names = frozenset(name for name in vars(main) if not name.startswith("__"))
        self._changed = frozenset(changed)
        self._codes = {value.__code__ for value in vars(main).values() if isinstance(value, types.FunctionType)}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Any:
    return script(monkeypatch, SOURCE)


def test_a_function_of_the_script_is_a_name_and_its_definition(main: Any) -> None:
    packing = Packing()
    data = packing.dump(main.by_name)
    assert pickle.loads(data) is main.by_name
    assert set(packing.definitions) == {"by_name"}
    packing.dump_definitions()
    assert set(packing.definitions) == {"by_name", "rated"}
    assert set(packing.values) == {"RATE"}
    assert [(name, value) for _, name, value in packing.watched] == [("rated", main.rated), ("RATE", 3)]


def test_nothing_is_left_that_refers_to_the_main_module_of_this_process(main: Any) -> None:
    packing = Packing()
    data = packing.dump([main.Plain(), main.Child, main.adder(1), main.Plain.method, main.Plain().method])
    pickles = [data, packing.dump_definitions(), *(value for _, value in packing.values.values())]
    named = {module for each in pickles for module, _ in names_in(each)}
    assert "argon.call.main_modules" in named
    assert "__main__" not in named


def names_in(data: bytes) -> list[tuple[str, str]]:
    """What a pickle, or one after the other, looks for by name."""
    found = []

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.append((module, name))
            return super().find_class(module, name)

    stream = io.BytesIO(data)
    reader = Reader(stream)
    while stream.tell() < len(data):
        reader.load()
    return found


def test_of_an_imported_script_only_names_travel_and_variables_that_may_have_changed(main: Any) -> None:
    packing = Packing(Imported(main, changed=("RATE",)))
    packing.dump([main.by_name, main.Child()])
    packing.dump_definitions()
    assert packing.definitions == {}
    assert set(packing.values) == {"RATE"}
    assert packing.lasting


def test_a_large_variable_that_is_never_bound_anew_is_left_to_the_import(main: Any) -> None:
    packing = Packing(Imported(main))
    packing.dump(main.reads_big)
    assert packing.values == {}
    packing = Packing(Imported(main, changed=("BIG",)))
    packing.dump(main.reads_big)
    assert set(packing.values) == {"BIG"}


def test_a_variable_that_cannot_be_pickled_is_left_to_the_import(main: Any) -> None:
    main.RATE = (number for number in (1, 2))
    packing = Packing(Imported(main))
    packing.dump(main.rated)
    assert packing.values == {}
    with pytest.raises(NotSendable, match="variable 'RATE' of the script, a generator"):
        Packing().dump(main.adder(1))


def test_an_answer_goes_back_by_the_names_that_its_caller_has(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = own_session()
    with worker(monkeypatch):
        offer_script(ScriptSource(session, SOURCE.encode(), "/folder/s.py", None))
        theirs = main_module(session)
        theirs.enter()
        data = Packing(answer=True).dump([theirs.module.Plain(), theirs.module.rated])
        assert theirs.module.Plain is not main.Plain
    assert session == own_session()
    assert pickle.loads(data) == [main.Plain(), main.rated]


def test_the_main_module_itself_cannot_be_sent(main: Any) -> None:
    with pytest.raises(NotSendable, match="the module __main__ itself, which is another one there"):
        Packing().dump([main])


def test_an_open_file_cannot_be_sent_and_the_error_says_what_to_send(main: Any, tmp_path: Path) -> None:
    with open(tmp_path / "data", "w") as file, pytest.raises(NotSendable, match=r"send its name \('.*data'\)"):
        Packing().dump(file)


def test_the_standard_streams_are_those_of_the_process_that_uses_them(
    main: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open(tmp_path / "output", "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert pickle.loads(Packing().dump(sys.stdout)) is output


def test_what_pickles_itself_by_its_name_in_the_script_cannot_be_sent(main: Any) -> None:
    class ByName:
        def __reduce__(self) -> str:
            return "SINGLE"

    ByName.__module__ = "__main__"
    main.SINGLE = ByName()
    main.SINGLE.__module__ = "__main__"
    with pytest.raises(NotSendable, match="'SINGLE' of the script is a ByName, which travels by its name only"):
        Packing().dump(main.SINGLE)


def test_modules_that_workers_can_import_travel_by_name_and_others_whole(
    main: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = types.ModuleType("generated_module")
    generated.value = 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "generated_module", generated)
    data = Packing(Script(sys.path, importing=False)).dump([generated, pickle])
    monkeypatch.delitem(sys.modules, "generated_module")
    made, same = pickle.loads(data)
    assert made is not generated
    assert made.value == 5
    assert same is pickle


def test_a_folder_that_came_to_the_path_since_goes_along(
    main: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = Script(list(sys.path), importing=False)
    (tmp_path / "came_later.py").write_text("def f(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import came_later  # type: ignore[import-not-found]

    packing = Packing(known)
    assert pickle.loads(packing.dump(came_later.f)) is came_later.f
    assert packing.path == [str(tmp_path)]
    monkeypatch.delitem(sys.modules, "came_later")


def test_annotations_that_are_text_bring_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    main = script(
        monkeypatch,
        "from __future__ import annotations\nlock = iter(())\nclass Leaf: pass\nPair = tuple[int, int]\n"
        "def grow(leaf: Leaf, pair: Pair, lock: lock): return 1\n",
    )
    packing = Packing()
    packing.dump(main.grow)
    packing.dump_definitions()
    assert set(packing.definitions) == {"grow", "Leaf"}
    assert set(packing.values) == {"Pair"}
