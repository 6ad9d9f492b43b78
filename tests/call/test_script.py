"""The caller's program: when its workers may import it, and what they then find by name."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from argon.call.script import Script

GUARDED = """
import json, sys
from argon.call.script import Script

RATE = 3
COUNT = 0
TABLE = [len]

def plain(): return RATE

def counted():
    global COUNT
    COUNT += 1

def doubled(function):
    def wrapper(): return function()
    wrapper.__qualname__ = function.__qualname__
    return wrapper

@doubled
def wrapped(): return 1

class Plain:
    def method(self): return 1

    class Inner: pass

if __name__ == "__main__":
    CHOSEN = 5

    def below(): return CHOSEN

    script = Script(sys.path)
    plain_of_then, wrapped_of_then = plain, wrapped
    if "replace" in sys.argv:
        def plain(): return 7
    defined = [
        script.defines(plain, "plain"), script.defines(wrapped, "wrapped"), script.defines(Plain, "Plain"),
        script.defines(Plain.Inner, "Plain.Inner"), script.defines(Plain.method, "Plain.method"),
        script.defines(below, "below"), script.defines(plain_of_then, "wrapped"), script.defines(plain, "nothing"),
    ]
    print(json.dumps({
        "source": script.source is not None,
        "name": script.source.name if script.source else None,
        "why": script.by_value_because,
        "defined": defined,
        "binds": [name for name in ("RATE", "COUNT", "plain", "CHOSEN", "below") if script.binds(name)],
        "changes": [name for name in ("RATE", "COUNT", "plain", "CHOSEN", "below") if script.changes(name)],
        "alias": sys.modules.get("__mp_main__") is sys.modules["__main__"],
    }))
"""
WHY = "import sys\nfrom argon.call.script import Script\n{}\n    print(Script(sys.path).by_value_because)\n"


def ran(folder: Path, source: str, *arguments: str) -> str:
    file = folder / "script.py"
    file.write_text(source)
    done = subprocess.run(
        [sys.executable, file, *arguments], capture_output=True, text=True, timeout=60, check=True, cwd=folder
    )
    return done.stdout


def test_of_a_guarded_script_all_is_known_that_an_import_defines(tmp_path: Path) -> None:
    known: dict[str, Any] = json.loads(ran(tmp_path, GUARDED, "-v"))
    assert known["source"]
    assert known["name"] is None
    assert known["why"] == ""
    assert known["defined"] == [True, True, True, True, True, False, False, False]
    assert known["binds"] == ["RATE", "COUNT", "plain"]
    assert known["changes"] == ["COUNT", "plain", "CHOSEN", "below"]
    assert known["alias"]


def test_a_function_that_was_replaced_since_is_not_what_an_import_defines(tmp_path: Path) -> None:
    assert json.loads(ran(tmp_path, GUARDED, "replace"))["defined"][0] is False


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ('if __name__ == "__main__":', ""),
        ('if "__main__" == __name__:', ""),
        ('if __name__ == "__main__" and len(sys.argv) == 1:', ""),
        ("if True:", "it starts its cluster outside of `if __name__"),
        ('if __name__ != "__mp_main__":', "it starts its cluster outside of `if __name__"),
        ('if __name__ == "__main__":\n    pass\nif True:', "it starts its cluster outside of `if __name__"),
        ('if __name__ == "__main__":\n    open(__file__, "w").write("0 = 1")', "its file has been edited"),
        ('if __name__ == "__main__":\n    open(__file__, "w").write("print(1)")', "its file has been edited"),
        ('if __name__ == "__main__":\n    del __file__', "it has no file"),
    ],
)
def test_only_a_script_that_is_at_work_below_its_guard_is_imported(tmp_path: Path, before: str, why: str) -> None:
    assert ran(tmp_path, WHY.format(before)).strip().startswith(why)


def test_what_the_program_lets_go_of_is_not_kept(tmp_path: Path) -> None:
    source = """
import sys, weakref
from argon.call.script import Script

class Big: pass
big, Big.table = Big(), Big()

if __name__ == "__main__":
    gone = weakref.ref(big), weakref.ref(Big.table)
    script = Script(sys.path)
    big = Big.table = None
    print([ref() for ref in gone], bool(script.source))
"""
    assert ran(tmp_path, source) == "[None, None] True\n"


def test_a_script_that_must_not_be_imported_travels_by_value() -> None:
    script = Script(sys.path, importing=False)
    assert script.source is None
    assert script.by_value_because == "import_script is False"


def test_a_command_has_no_file_that_could_be_imported() -> None:
    code = "import sys; from argon.call.script import Script; print(Script(sys.path).by_value_because)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "it has no file"


def test_a_module_that_was_started_by_its_name_says_it(tmp_path: Path) -> None:
    (tmp_path / "started.py").write_text(GUARDED)
    done = subprocess.run(
        [sys.executable, "-m", "started"], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout)["name"] == "started"


# ---- other modules -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a module ``near_by`` and a package ``near_package``, which are loaded from it."""
    (tmp_path / "near_by.py").write_text("")
    (tmp_path / "near_package").mkdir()
    (tmp_path / "near_package" / "__init__.py").write_text("")
    (tmp_path / "near_package" / "part.py").write_text("")
    (tmp_path / "near_space").mkdir()
    (tmp_path / "near_space" / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("near_by", "near_package", "near_package.part", "near_space", "near_space.part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.import_module(name)
    return tmp_path


@pytest.mark.parametrize("name", ["json", "json.decoder", "sys", "numpy", "argon", "msgspec._core", "not.loaded"])
def test_installed_modules_are_imported(name: str) -> None:
    assert Script(sys.path).imports(name)


@pytest.mark.parametrize("name", ["near_by", "near_package.part", "near_space.part"])
def test_a_module_is_imported_from_the_workers_path(folder: Path, name: str) -> None:
    assert Script(sys.path).imports(name)
    without = [entry for entry in sys.path if entry != str(folder)]
    assert not Script(without).imports(name)
    assert Script(without).imports(name, [str(folder)])


def test_a_module_that_was_generated_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "generated_one", types.ModuleType("generated_one"))
    script = Script(sys.path)
    assert not script.imports("generated_one")
    assert b"generated_one" in script.unreachable()
    monkeypatch.delitem(sys.modules, "generated_one")
    monkeypatch.setitem(sys.modules, "generated_two", types.ModuleType("generated_two"))
    assert b"generated_two" in script.unreachable()  # there are as many modules as before


def test_a_module_of_the_same_name_elsewhere_is_another(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "near_by.py").write_text("")
    assert not Script([str(other), *sys.path]).imports("near_by")


def test_what_came_to_the_path_since_is_known(folder: Path) -> None:
    script = Script([entry for entry in sys.path if entry != str(folder)])
    assert script.added_path() == [str(folder)]


def test_a_variable_is_left_as_long_as_it_has_its_value() -> None:
    script = Script(sys.path)
    value = object()
    script.leave("name", value)
    assert script.is_left("name", value)
    assert not script.is_left("name", object())
    assert not script.is_left("other", value)
