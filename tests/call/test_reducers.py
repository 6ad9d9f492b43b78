"""Objects that are made again at the other end; ``tests/field/test_scripts.py`` has them all, in a worker."""

from __future__ import annotations

import gc
import io
import pickle
import weakref
from typing import Any

import pytest

from argon.call.main_modules import main_module
from argon.call.pickler import Packing
from argon.call.script_source import own_session
from tests.support.two_ends import script, worker

SOURCE = """
import contextvars, enum, functools, threading, typing, weakref
import msgspec

def rated(number, *, by=2):
    "Doc."
    return number * by

@functools.lru_cache(maxsize=7, typed=True)
def cached(number): return number

LOCK = threading.Lock()
LOCAL = threading.local()
VARIABLE = contextvars.ContextVar("VARIABLE")
DEFAULTED = contextvars.ContextVar("DEFAULTED", default=4)

class Plain:
    uses = 0
    def __init__(self): self.uses += 1
    def grow(self): return super().__sizeof__()

class Slotted:
    __slots__ = ("a", "__dict__")

class Color(enum.IntEnum):
    RED = 1
    ROUGE = 1
    GREEN = 2

class Point(msgspec.Struct, frozen=True, rename={"x": "left"}, tag=3):
    x: int
    names: list[str] = msgspec.field(default_factory=list, name="n")
    z: int = 5

class Keyed(msgspec.Struct, kw_only=True, omit_defaults=True):
    y: int
    x: int = 1

class Meta(type):
    made = []
    def __new__(mcs, name, bases, names):
        mcs.made.append(sorted(key for key in names if not key.startswith("__")))
        return super().__new__(mcs, name, bases, names)

class Made(metaclass=Meta):
    field = 1
    def method(self): return 1

def use(*_): return [LOCK, LOCAL, VARIABLE, DEFAULTED]
"""


class There:
    """What the script defines, made again in a worker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here: Any = script(monkeypatch, SOURCE)
        self._patch = monkeypatch
        self._session = own_session()

    def packed(self, *names: str) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
        packing = Packing()
        for name in names:
            packing.define(getattr(self.here, name), name)
        return packing.dump_definitions(), packing.values

    def made(self, *packed: tuple[bytes, dict[str, tuple[bytes, bytes]]]) -> list[Any]:
        """The main module after each of them."""
        main = main_module(self._session)
        seen = []
        for definitions, values in packed:
            stream = io.BytesIO(definitions)
            unpickler = pickle.Unpickler(stream)
            while stream.tell() < len(definitions):
                main.bind(unpickler.load())
            main.assign(values, lambda value, data: False)
            seen.append(dict(vars(main.module)))
        return seen


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> There:
    return There(monkeypatch)


def test_a_function_is_made_once_until_its_code_is_another(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = there.packed("rated"), there.packed("rated")
    there.here.rated.__code__ = (lambda number, *, by: number + by).__code__
    changed = there.packed("rated")
    with worker(monkeypatch):
        one, two, three = (names["rated"] for names in there.made(first, again, changed))
        assert one is two
        assert (one(3), three(3)) == (6, 5)
        assert (one.__doc__, one.__kwdefaults__, one.__module__) == ("Doc.", {"by": 2}, "__main__")


def test_a_memoised_function_is_made_once_with_its_limits(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = there.packed("cached")
    with worker(monkeypatch):
        one, two = (names["cached"] for names in there.made(packed, packed))
        assert one is two
        assert one.cache_parameters() == {"maxsize": 7, "typed": True}


def test_locks_and_context_variables_that_a_function_uses_are_made_anew(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.here.LOCK.acquire()
    packed = there.packed("use")
    with worker(monkeypatch):
        lock, local, variable, defaulted = there.made(packed)[0]["use"]()
        assert not lock.locked()
        assert vars(local) == {}
        assert (variable.name, variable.get("none"), defaulted.get()) == ("VARIABLE", "none", 4)


def test_a_lock_that_is_an_argument_is_an_error(there: There) -> None:
    with pytest.raises(TypeError, match="lock"):
        Packing().dump(there.here.LOCK)


def test_a_class_is_made_once_and_takes_what_its_caller_changes(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    first = there.packed("Plain")
    there.here.Plain.more = 1
    changed = there.packed("Plain")
    with worker(monkeypatch):
        one = there.made(first)[0]["Plain"]
        one.uses = 7  # a task
        assert there.made(first)[0]["Plain"] is one
        assert one.uses == 7
        assert there.made(changed)[0]["Plain"] is one
        assert one.more == 1
        assert one().grow() > 0


def test_slots_are_slots_again(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = there.packed("Slotted")
    with worker(monkeypatch):
        made = there.made(packed)[0]["Slotted"]()
        made.a = 1
        made.b = 2
        assert vars(made) == {"b": 2}


def test_members_of_an_enum_keep_their_aliases(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = there.packed("Color")
    with worker(monkeypatch):
        made = there.made(packed)[0]["Color"]
        assert made.ROUGE is made.RED is made(1)
        assert [member + 1 for member in made] == [2, 3]


def test_a_struct_keeps_its_options_its_names_and_its_defaults(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    packed = there.packed("Point", "Keyed")
    expected = [msgspec.json.encode(value) for value in (there.here.Point(1), there.here.Keyed(y=2))]
    with worker(monkeypatch):
        names = there.made(packed)[0]
        point, keyed = names["Point"], names["Keyed"]
        assert [msgspec.json.encode(value) for value in (point(1), keyed(y=2))] == expected
        assert point(1, ["a"]) == point(x=1, names=["a"], z=5)
        with pytest.raises(AttributeError):
            point(1).x = 2


def test_a_metaclass_sees_the_whole_class(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = there.packed("Made")
    with worker(monkeypatch):
        names = there.made(packed)[0]
        assert names["Made"].field == 1
        assert type(names["Made"]).made[-1] == ["field", "method"]


@pytest.mark.parametrize(
    "view", [memoryview(b"abc"), memoryview(bytearray(8)).cast("h", (2, 2)), memoryview(b"abcd")[::2]]
)
def test_a_view_of_memory_is_a_view_again(view: memoryview) -> None:
    made = pickle.loads(Packing().dump(view))
    assert made == view
    assert (made.format, made.shape, made.readonly) == (view.format, view.shape, view.readonly)


def test_what_was_sent_is_not_kept_alive_at_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    main = script(
        monkeypatch,
        "class Base: pass\ndef make():\n    class A(Base):\n        def m(self): return super()\n    return A\n",
    )
    made = main.make()
    Packing().dump(made)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
