"""A script whose tasks use its variables, and get values of every kind; ``checks.py`` says how it is run."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import datetime
import decimal
import logging
import os.path
import pathlib
import re
import sys
import threading
import types
import weakref
from typing import Any

import msgspec
from checks import Run, kind, returned, run_checks

import argon


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]


def both(first: Any, second: Any) -> Any:
    return first, second


def same(value: Any) -> Any:
    return value


LOCK = threading.Lock()
RLOCK = threading.RLock()
CONDITION = threading.Condition()
EVENT = threading.Event()
SEMAPHORE = threading.Semaphore(2)
LOCAL = threading.local()
CONTEXT: contextvars.ContextVar[int] = contextvars.ContextVar("CONTEXT", default=3)
WEAK: weakref.WeakValueDictionary[str, Plain] = weakref.WeakValueDictionary()
LOG = logging.getLogger("script")
PATTERN = re.compile("a+")
MODEL: Any = None
CACHE: dict[int, int] = {}
ENCODER = msgspec.json.Encoder()
DEFAULTS: collections.defaultdict[str, list[int]] = collections.defaultdict(list)
COUNTED = collections.defaultdict(lambda: 5)


def locked() -> bool:
    with LOCK, RLOCK, CONDITION, SEMAPHORE:
        EVENT.set()
    LOCAL.value = 1
    return EVENT.is_set() and not LOCK.locked() and LOCAL.value == 1


def context() -> int:
    CONTEXT.set(CONTEXT.get() + 1)
    return contextvars.copy_context()[CONTEXT]


def remembered(number: int) -> int:
    CACHE[number] = number
    return len(CACHE)


def model() -> int:
    global MODEL
    if MODEL is None:
        MODEL = {"uses": 0}
    MODEL["uses"] += 1
    return int(MODEL["uses"])


def weak_names() -> list[str]:
    return list(WEAK)


def encoded(value: Any) -> bytes:
    return ENCODER.encode(value)


def defaulted() -> Any:
    return DEFAULTS["new"], COUNTED["new"], COUNTED.__class__.__name__


def logged() -> str:
    LOG.debug("seen")
    return LOG.name


def arguments_here() -> list[str]:
    return sys.argv[1:]


@kind
def locks_as_variables(run: Run) -> None:
    assert run(locked) is True


@kind
def a_context_variable(run: Run) -> None:
    assert run(context) >= 4


@kind
def a_cache_that_lasts(run: Run) -> None:
    assert [run(remembered, 1), run(remembered, 2)] == [1, 2]


@kind
def a_model_that_is_loaded_once(run: Run) -> None:
    assert [run(model), run(model), run(model)] == [1, 2, 3]


@kind
def other_variables(run: Run) -> None:
    assert run(weak_names) == []
    assert run(logged) == "script"
    assert run(defaulted) == ([], 5, "defaultdict")


@kind
def values_of_the_standard_library(run: Run) -> None:
    for value in (
        *(PATTERN, datetime.datetime.now(datetime.UTC), decimal.Decimal("1.5"), pathlib.PurePosixPath("a"), range(3)),
        *(slice(1, 2), ..., NotImplemented, 1j, frozenset({1}), collections.Counter("aab"), collections.deque([1], 3)),
        *(collections.OrderedDict(a=1), types.SimpleNamespace(a=Plain(1)), {"a": (1, [b"2", bytearray(b"3")])}),
    ):
        returned(value, run(same, value))


def stream() -> Any:
    return STREAM


STREAM: Any = None


@kind
def what_is_made_below_the_guard_and_cannot_be_pickled(run: Run) -> None:
    with contextlib.suppress(argon.ArgumentNotSerializable):
        run(stream)
        raise AssertionError("the worker has another STREAM than the script")


@kind
def views_of_memory(run: Run) -> None:
    numbers = memoryview(bytearray(16)).cast("i", (2, 2))
    for view in (memoryview(b"abc"), memoryview(bytearray(b"abc")), memoryview(b"abcd")[::2], numbers):
        back = run(same, view)
        returned(view, back)
        assert (back.format, back.shape, back.readonly) == (view.format, view.shape, view.readonly)


@kind
def an_open_file(run: Run) -> None:
    with open(__file__) as file, contextlib.suppress(argon.ArgumentNotSerializable):
        run(same, file)
        raise AssertionError("a file that is open here was sent")


@kind
def modules(run: Run) -> None:
    assert run(same, os.path) is os.path
    assert run(uses_modules, "a") == "a/b"


def uses_modules(name: str) -> str:
    return os.path.join(name, "b")


@kind
def cycles_and_identity(run: Run) -> None:
    ring = Plain(None)
    ring.value = [ring]
    back = run(same, ring)
    assert back.value[0] is back
    first, second = run(both, ring, ring)
    assert first is second


@kind
def the_command_line(run: Run) -> None:
    assert run(arguments_here) == sys.argv[1:]


@kind
def what_cannot_be_pickled(run: Run) -> None:
    assert run(encoded, [1]) == b"[1]"


if __name__ == "__main__":
    STREAM = (number for number in [1])
    run_checks()
