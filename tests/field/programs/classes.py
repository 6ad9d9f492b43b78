"""A script whose classes, of every kind, travel as themselves and as instances; ``checks.py`` says how it is run."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import multiprocessing
import operator
import pickle
import threading
import typing
from typing import Any

import msgspec
from checks import Run, kind, returned, run_checks


def same(value: Any) -> Any:
    return value


RATE = 3


def times_rate(number: int) -> int:
    return number * RATE


class Plain:
    made = 0

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(self.value)

    def doubled(self) -> Any:
        return self.value * 2

    @property
    def rated(self) -> int:
        return times_rate(self.value)

    @functools.cached_property
    def text(self) -> str:
        return str(self.value)

    @classmethod
    def count(cls) -> int:
        cls.made += 1
        return cls.made

    @staticmethod
    @functools.cache
    def cells(side: int) -> int:
        return side * side

    def __call__(self, number: int) -> int:
        return number + int(self.value)

    class Inner:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Plain.Inner)

        __hash__ = None  # type: ignore[assignment]


class Child(Plain):
    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.child = True


class Slotted:
    __slots__ = ("__weakref__", "value")

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slotted) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class SlottedChild(Slotted):
    __slots__ = ("more",)


@dataclasses.dataclass
class Data:
    value: int
    items: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, frozen=True, order=True, kw_only=True)
class Frozen:
    value: int
    name: str = "n"


@dataclasses.dataclass(slots=True)
class Quote:
    price: float


class Struct(msgspec.Struct, frozen=True, tag="s"):
    value: int
    names: list[str] = msgspec.field(default_factory=list)


class SpecialStruct(Struct, frozen=True, kw_only=True, rename="camel", array_like=True):
    first_name: str = "x"


Pair = collections.namedtuple("Pair", "a b")


class Typed(typing.NamedTuple):
    a: int
    b: str = "b"

    def total(self) -> int:
        return self.a + len(self.b)


class Movie(typing.TypedDict):
    title: str


class Registry(type):
    classes: typing.ClassVar[list[str]] = []

    def __new__(mcs, name: str, bases: tuple[type, ...], names: dict[str, Any], mark: int = 0) -> Registry:
        cls = super().__new__(mcs, name, bases, names)
        cls.mark = mark  # type: ignore[attr-defined]
        mcs.classes.append(name)
        return cls


class Registered(metaclass=Registry):
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = None  # type: ignore[assignment]


class Plugin:
    known: typing.ClassVar[dict[str, type]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        Plugin.known[cls.__name__] = cls


class Csv(Plugin, option=1):
    def read(self) -> str:
        return "csv"


class Positive:
    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "_" + name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance: Any, value: int) -> None:
        if value <= 0:
            raise ValueError("positive")
        setattr(instance, self.name, value)


class Account:
    balance = Positive()

    def __init__(self, balance: int) -> None:
        self.balance = balance


class Meters(float):
    unit = "m"


class Names(dict):  # type: ignore[type-arg]
    owner = ""


class Reduced:
    def __init__(self, value: int) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced.make, (self.value,)

    @classmethod
    def make(cls, value: int) -> Reduced:
        return cls(value)


class Stateful:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = 1

    def __getstate__(self) -> dict[str, Any]:
        return {"value": self.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self.value = state["value"]


def hints() -> list[str]:
    return sorted(typing.get_type_hints(Data)) + sorted(typing.get_type_hints(Struct))


def pickled_there(value: Any) -> bytes:
    return pickle.dumps(value)


def plugin(name: str) -> str:
    return Plugin.known[name]().read()  # type: ignore[attr-defined,no-any-return]


def make_plain(value: Any) -> Plain:
    return Plain(value)


def deposit(account: Account, amount: int) -> Any:
    account.balance = amount
    return account.balance


@kind
def instances(run: Run) -> None:
    returned(Plain(1), run(same, Plain(1)))
    returned(Child(1), run(same, Child(1)))
    returned(Plain.Inner(), run(same, Plain.Inner()))
    returned([Plain(1), Child(Plain(2))], run(same, [Plain(1), Child(Plain(2))]))
    assert run(make_plain, 1) == Plain(1)


@kind
def a_method(run: Run) -> None:
    assert run(Plain(2).doubled) == 4
    assert run(Plain.doubled, Child(2)) == 4
    assert run(Plain(2), 1) == 3
    assert run(Plain.cells, 3) == 9
    assert run(operator.attrgetter("rated", "text"), Plain(2)) == (6, "2")


@kind
def a_class_attribute_lasts(run: Run) -> None:
    assert [run(Plain.count), run(Plain.count)] == [1, 2]


class Settings:
    depth = 1
    names: typing.ClassVar[list[str]] = []


def settings() -> tuple[int, list[str], int]:
    return Settings.depth, Settings.names, getattr(settings, "extra", 0)


@kind
def attributes_that_the_program_changes(run: Run) -> None:
    assert run(settings) == (1, [], 0)
    Settings.depth = 2
    Settings.names.append("a")
    settings.extra = 3  # type: ignore[attr-defined]
    assert run(settings) == (2, ["a"], 3)
    assert run(getattr, Settings, "depth") == 2


@kind
def the_class_itself(run: Run) -> None:
    assert run(same, Plain) is Plain
    assert run(same, Plain.Inner) is Plain.Inner
    assert run(Plain, 1) == Plain(1)


@kind
def slots(run: Run) -> None:
    returned(Slotted(1), run(same, Slotted(1)))
    child = SlottedChild(1)
    child.more = 2  # type: ignore[attr-defined]
    returned(child, run(same, child))
    assert run(same, child).more == 2


@kind
def dataclasses_of_every_sort(run: Run) -> None:
    returned(Data(1, [2]), run(same, Data(1, [2])))
    returned(Frozen(value=1), run(same, Frozen(value=1)))
    returned(Quote(1.5), run(same, Quote(1.5)))
    assert run(dataclasses.asdict, Data(1)) == {"value": 1, "items": []}
    assert run(dataclasses.replace, Frozen(value=1), name="m") == Frozen(value=1, name="m")


@kind
def structs(run: Run) -> None:
    returned(Struct(1, ["a"]), run(same, Struct(1, ["a"])))
    returned(SpecialStruct(1, first_name="b"), run(same, SpecialStruct(1, first_name="b")))
    assert run(msgspec.json.encode, SpecialStruct(1)) == msgspec.json.encode(SpecialStruct(1))
    assert run(msgspec.json.decode, b'{"type":"s","value":1}', type=Struct) == Struct(1)


@kind
def named_tuples(run: Run) -> None:
    returned(Pair(1, 2), run(same, Pair(1, 2)))
    returned(Typed(1), run(same, Typed(1)))
    assert run(Typed.total, Typed(1, "ab")) == 3


@kind
def a_typed_dict(run: Run) -> None:
    assert run(Movie, title="a") == {"title": "a"}


@kind
def type_hints(run: Run) -> None:
    assert run(hints) == ["items", "value", "names", "value"]


@kind
def a_metaclass(run: Run) -> None:
    returned(Registered(), run(same, Registered()))
    assert run(operator.attrgetter("mark"), Registered) == 0


@kind
def a_registry_of_subclasses(run: Run) -> None:
    assert run(plugin, "Csv") == "csv"


@kind
def a_descriptor(run: Run) -> None:
    assert run(deposit, Account(1), 7) == 7


@kind
def subclasses_of_builtins(run: Run) -> None:
    returned(Meters(1.5), run(same, Meters(1.5)))
    names = Names(a=1)
    names.owner = "o"
    assert run(operator.attrgetter("owner"), names) == "o"
    returned(names, run(same, names))


@kind
def classes_that_pickle_themselves(run: Run) -> None:
    assert run(same, Reduced(2)).value == 2
    assert run(same, Stateful()).value == 1


@kind
def needing_a_name_there(run: Run) -> None:
    assert pickle.loads(run(pickled_there, Data(1))) == Data(1)
    assert run(copy.deepcopy, Child(1)) == Child(1)
    assert run(pool_there) == [3, 6]


def pool_there() -> list[int]:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(times_rate, [1, 2])


REGISTRY: dict[str, type] = {}


def registered(cls: type) -> type:
    class Local(cls):  # type: ignore[misc,valid-type]
        pass

    return Local


class Entered:
    def __init_subclass__(cls) -> None:
        REGISTRY[entry(cls)] = cls


def entry(cls: type) -> str:
    return cls.__name__.lower()


class Sub(Entered):
    Point = collections.namedtuple("Point", "x y")


@registered
class Model:
    pass


class Greeter:
    opts: typing.ClassVar[list[int]] = []

    def greet(self) -> str:
        return "hello"


def greeted() -> tuple[str, int]:
    return Greeter().greet(), len(Greeter.opts)


def is_model(value: Any) -> bool:
    return isinstance(value, Model)


def entries() -> list[str]:
    return sorted(REGISTRY)


@kind
def a_class_that_has_another_name_than_its_own(run: Run) -> None:
    assert run(is_model, Model()) is True
    assert type(run(Model)) is Model
    assert run(isinstance, Sub.Point(1, 2), Sub.Point) is True
    returned(Sub.Point(1, 2), run(same, Sub.Point(1, 2)))


@kind
def classes_that_use_variables_and_functions_while_they_are_made(run: Run) -> None:
    assert run(entries) == ["sub"]
    assert run(same, Sub) is Sub


@kind
def lists_of_a_class_that_grow_and_methods_that_are_replaced(run: Run) -> None:
    for count in (1, 2, 3):
        Greeter.opts.append(count)
        assert run(greeted) == ("hello", count)
    for word in ("hi", "bye"):
        Greeter.greet = lambda self, word=word: word  # type: ignore[method-assign,misc]
        assert run(greeted) == (word, 3)


if __name__ == "__main__":
    run_checks()
