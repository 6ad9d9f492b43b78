"""A script with enums, protocols and what typing makes; ``checks.py`` says how it is run."""

from __future__ import annotations

import abc
import enum
import operator
import typing
from typing import Any

from checks import Run, kind, run_checks


def same(value: Any) -> Any:
    return value


class Plain:
    def doubled(self) -> int:
        return 2


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1  # noqa: PIE796 - an alias


class Planet(enum.Enum):
    EARTH = (5.97, 6.37)
    MARS = (0.64, 3.39)

    def __init__(self, mass: float, radius: float) -> None:
        self.mass = mass
        self.radius = radius

    @property
    def density(self) -> float:
        return self.mass / self.radius


class Coded(str, enum.Enum):  # noqa: UP042 - it has more than its value
    A = "a", "first"
    B = "b", "second"

    def __new__(cls, code: str, label: str) -> Coded:
        made = str.__new__(cls, code)
        made._value_ = code
        made.label = label  # type: ignore[attr-defined]
        return made


class Level(enum.IntEnum):
    LOW = 1
    HIGH = enum.auto()


class Flags(enum.Flag):
    R = enum.auto()
    W = enum.auto()
    RW = R | W


class Text(enum.StrEnum):
    ONE = enum.auto()


UserId = typing.NewType("UserId", int)
T = typing.TypeVar("T")
P = typing.ParamSpec("P")


class Box(typing.Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item


class Sized(typing.Protocol):
    def doubled(self) -> Any: ...


@typing.runtime_checkable
class Checked(typing.Protocol):
    def doubled(self) -> Any: ...


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> int: ...


class Square(Shape):
    def area(self) -> int:
        return 4


Shape.register(Plain)


def density(planet: Planet) -> float:
    return planet.density


@kind
def enums(run: Run) -> None:
    for member in (Color.RED, Color.CRIMSON, Planet.MARS, Coded.B, Level.HIGH, Flags.RW, Flags.R, Text.ONE):
        assert run(same, member) is member, member
    assert run(getattr, Color, "CRIMSON") is Color.RED
    assert run(list, Color) == [Color.RED, Color.GREEN]


@kind
def enums_with_attributes(run: Run) -> None:
    assert run(density, Planet.EARTH) == Planet.EARTH.density
    assert run(getattr, Coded.A, "label") == "first"
    assert run(Coded, "b") is Coded.B
    assert run(operator.or_, Flags.R, Flags.W) is Flags.RW
    assert run(same, {Level.LOW: Color.RED}) == {Level.LOW: Color.RED}


class Leaf:
    pass


class Tree:
    leaves: list[Leaf]
    parent: Tree | None


def grow(tree: Tree) -> Leaf:
    return tree.leaves[0]


def hints() -> list[str]:
    return [*typing.get_type_hints(Tree), *typing.get_type_hints(grow)]


@kind
def type_hints_that_are_text(run: Run) -> None:
    assert run(hints) == ["leaves", "parent", "tree", "return"]


@kind
def typing_objects(run: Run) -> None:
    assert run(UserId, 5) == 5
    for value in (UserId, T, list[int], dict[str, Plain], typing.Optional[Plain], int | Plain, Box[int]):  # noqa: UP045
        assert run(same, value) == value, value
    assert run(same, typing.Annotated[Plain, "note"]) == typing.Annotated[Plain, "note"]
    assert run(same, typing.Callable[P, T]) == typing.Callable[P, T]
    assert run(operator.attrgetter("item"), Box(1)) == 1


@kind
def protocols_and_abstract_classes(run: Run) -> None:
    assert run(inherits, Plain()) == [True, True, True]
    assert run(area) == 4
    assert run(same, Sized) is Sized


def inherits(value: Any) -> list[bool]:
    return [isinstance(value, Plain), isinstance(value, Shape), isinstance(value, Checked)]


def area() -> int:
    return Square().area()


if __name__ == "__main__":
    run_checks()
