"""Main modules: what ``__main__`` means to the code of each caller."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from argon.call import main_modules
from argon.call.main_modules import ABSENT, MainModule, current_main, find_in_main, importing, main_module, offer_script
from argon.call.script_source import ScriptSource, own_session
from tests.support.two_ends import script, worker

FIRST, SECOND = b"caller 1", b"caller 2"


def offered(session: bytes, source: bytes) -> None:
    offer_script(ScriptSource(session, source, "/folder/s.py", None))


def digests(**values: object) -> dict[str, tuple[bytes, bytes]]:
    return {name: (repr(value).encode(), pickle.dumps(value)) for name, value in values.items()}


def never(value: object, data: bytes) -> bool:
    return False


def test_each_caller_has_a_main_module_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(monkeypatch):
        assert main_module(FIRST) is main_module(FIRST)
        assert main_module(FIRST).module is not main_module(SECOND).module


def test_the_own_session_means_the_program_itself_which_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    main = script(monkeypatch, "value = 1")
    own = main_module(own_session())
    own.bind({"value": 2})
    own.assign(digests(value=3), never)
    own.enter()
    assert sys.modules["__main__"] is main
    assert main.value == 1


def test_a_main_module_that_is_entered_is_what_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(monkeypatch):
        assert current_main() is None
        main_module(FIRST).enter()
        assert current_main() is main_module(FIRST)
        assert sys.modules["__main__"] is sys.modules["__mp_main__"] is main_module(FIRST).module


def test_only_the_latest_callers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_modules, "CALLERS_KEPT", 2)
    with worker(monkeypatch):
        kept = main_module(FIRST)
        main_module(SECOND)
        main_module(FIRST)
        forgotten = main_modules._callers[SECOND]
        main_module(b"caller 3")
        assert main_module(FIRST) is kept
        assert main_module(SECOND) is not forgotten


def test_a_caller_whose_functions_were_kept_for_longer_has_the_same_main_module_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main_modules, "CALLERS_KEPT", 1)
    with worker(monkeypatch):
        first = main_module(FIRST)
        main_module(SECOND)
        first.enter()
        assert main_module(FIRST) is first


def test_a_variable_that_the_caller_has_no_more_goes_and_one_that_a_task_made_stays() -> None:
    main = MainModule(FIRST, type(sys)("__main__"), imported=False)
    absent = {"count": (ABSENT, b"")}
    main.module.count = 1  # a task
    main.assign(absent, never)
    assert main.module.count == 1
    main.assign(digests(count=2), never)
    main.assign(absent, never)
    assert not hasattr(main.module, "count")


def test_what_is_bound_is_what_the_caller_has_until_it_is_bound_anew() -> None:
    main = MainModule(FIRST, type(sys)("__main__"), imported=False)
    main.bind({"f": len})
    assert main.has("f")
    main.module.f = max
    assert not main.has("f")
    assert not main.has("g")


def test_a_variable_takes_the_callers_value_only_when_that_has_changed() -> None:
    main = MainModule(FIRST, type(sys)("__main__"), imported=False)
    main.assign(digests(count=1), never)
    main.module.count = 7  # a task
    main.assign(digests(count=1), never)
    assert main.module.count == 7
    main.assign(digests(count=2), never)
    assert main.module.count == 2


def test_a_variable_that_the_import_has_made_as_the_caller_has_it_stays() -> None:
    main = MainModule(FIRST, type(sys)("__main__"), imported=True)
    main.module.cache = made = {}
    main.assign(digests(cache={}), lambda value, data: pickle.dumps(value) == data)
    assert main.module.cache is made
    main.assign(digests(cache={1: 2}), never)
    assert main.module.cache == {1: 2}


def test_names_are_current_while_they_mean_what_they_meant() -> None:
    main = MainModule(FIRST, type(sys)("__main__"), imported=False)
    main.bind({"f": len})
    main.assign(digests(count=1), never)
    assert main.is_current({"count": b"1"}, {"f": len})
    assert not main.is_current({"count": b"2"}, {"f": len})
    assert not main.is_current({"count": b"1"}, {"f": max})


def test_a_script_is_imported_once_when_it_is_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = b"import sys\nseen = [__name__, __file__, sys.modules[__name__].__name__]\ndef f(): return 1\n"
    with worker(monkeypatch):
        offered(FIRST, source)
        assert FIRST not in main_modules._callers
        function = find_in_main(FIRST, "f")
        assert function() == 1
        assert find_in_main(FIRST, "f") is function
        assert find_in_main(FIRST, "seen") == ["__mp_main__", "/folder/s.py", "__mp_main__"]
        assert main_module(FIRST).has("f")
        assert main_module(FIRST).imported


def test_a_module_that_was_started_by_its_name_keeps_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(monkeypatch):
        file = str(Path(main_modules.__file__))
        source = b"from .failure_text import clip\n"
        offer_script(ScriptSource(FIRST, source, file, "argon.call.started"))
        assert find_in_main(FIRST, "clip")("abc", 2)
        assert main_module(FIRST).module.__spec__ is not None
        assert main_module(FIRST).module.__spec__.name == "argon.call.started"


@pytest.mark.parametrize("source", [b"raise SystemExit(3)", b"import argon.nothing", b"def f(:"])
def test_a_script_that_cannot_be_imported_is_an_error_with_its_traceback_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, source: bytes
) -> None:
    with worker(monkeypatch):
        before = sys.modules["__main__"]
        offered(FIRST, source)
        with pytest.raises(ImportError, match=r"importing the caller's script /folder/s.py raised[^\0]*Traceback"):
            main_module(FIRST)
        assert sys.modules["__main__"] is before
        assert importing() == ""


def test_while_a_script_is_imported_its_file_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker(monkeypatch):
        offered(FIRST, b"from argon.call.main_modules import importing\nseen = importing()\n")
        assert find_in_main(FIRST, "seen") == "/folder/s.py"
        assert importing() == ""
