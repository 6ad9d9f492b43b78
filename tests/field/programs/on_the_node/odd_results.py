"""Tasks that return, or raise, what is hard to print. Only the node finds this module by itself."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, NoReturn

import numpy as np


class ReprRaises:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


class ReprExits:
    def __repr__(self) -> str:
        raise SystemExit(7)


class ReprIsNoText:
    def __repr__(self) -> Any:
        return None


class SubclassOfText(str):
    def __str__(self) -> str:
        raise SystemExit(8)

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        raise SystemExit(9)


class ReprIsASubclass:
    def __repr__(self) -> str:
        return SubclassOfText("odd")


@dataclasses.dataclass
class Order:
    number: int


class StrExits(Exception):
    def __str__(self) -> str:
        raise SystemExit(5)


VALUES: dict[str, Any] = {
    "repr raises": ReprRaises(),
    "repr exits": ReprExits(),
    "repr is None": ReprIsNoText(),
    "repr is a subclass": ReprIsASubclass(),
    "long integer": 10**5000,
    "long text": "x" * 10_000_000,
    "surrogate": "a\ud800",
    "surrogate in a set": {"a\ud800"},
    "NaN": float("nan"),
    "NaN in a list": [float("nan")],
    "set": {1},
    "bytes": b"\xff",
    "array": np.arange(3),
    "time": datetime.datetime(2020, 1, 1),
    "dataclass": Order(4),
    "exception": ValueError("v"),
    "letters": "Müller",
    "letters in a set": {"Müller"},
    "equal names": {1: "a", "1": "b"},
}


def give(name: str) -> Any:
    return VALUES[name]


def fail(name: str) -> NoReturn:
    errors = {"str exits": StrExits(), "pipe": BrokenPipeError(32, "Broken pipe"), "interrupt": KeyboardInterrupt()}
    raise errors[name]
