"""Which part of a value it is that cannot be pickled.

In: values by name, and a function that tries to pickle. Out: the path to the smallest part that fails, such as
``args[1]['db']``. It runs only after pickling has failed, and must never look at more than a bounded number of parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import NamedTuple

DEPTH_MAX = 5
TRIES_MAX = 1000
LABEL_CHARS = 60

_SPELLED_OUT = (str, int, float, bool, bytes, type(None))


class NotForOtherProcesses(TypeError):
    """Raised by ``__reduce__`` of what holds a connection: the object itself is the culprit, and not a part of it."""

    def __init__(self, thing: object) -> None:
        name = type(thing).__name__
        self.thing_id = id(thing)
        article = "an" if name[0] in "AEIO" else "a"
        super().__init__(
            f"{article} {name} belongs to the process that has made it; inside a task, open a client there: "
            "argon.Client(address)"
        )


class Culprit(NamedTuple):
    """What fails: where it is, the thing itself, and what pickling it raised."""

    path: str
    value: object
    reason: Exception


def culprit(roots: Mapping[str, object], dumps: Callable[[object], object], error: Exception) -> Culprit:
    """Finds the smallest part of the roots that fails; of the first root, when none fails by itself."""
    tries_left = TRIES_MAX

    def failing(parts: Iterator[tuple[str, object]]) -> Culprit | None:
        nonlocal tries_left
        for path, value in parts:
            tries_left -= 1
            if tries_left < 0:
                break
            try:
                dumps(value)
            except Exception as reason:  # noqa: BLE001 - this is the question asked
                return Culprit(path, value, reason)
        return None

    path, value = next(iter(roots.items()))
    found = Culprit(path, value, error)
    part = failing(iter(roots.items()))
    for _ in range(DEPTH_MAX):
        if part is None:
            break
        found = part
        if isinstance(found.reason, NotForOtherProcesses) and found.reason.thing_id == id(found.value):
            break
        part = failing((found.path + suffix, child) for suffix, child in _parts(found.value))
    try:
        return part or found
    finally:
        del part, found  # they have the exception, which may hold this frame


def advice(found: Culprit, by_value_because: str | None) -> str:
    """What the caller can do about it, as the end of a sentence; empty where that is not known.

    Args:
        by_value_because: why the workers cannot import the caller's script, empty if they can; None if it is not
            theirs to import.
    """
    path, part, reason = found
    if isinstance(part, FunctionType) and isinstance(reason, NameError):  # Python 3.14 evaluates annotations when asked
        return "; its annotations use that name: put them in quotes, or write 'from __future__ import annotations'"
    if " variable " in path:
        if by_value_because:
            return f"; workers could make their own by importing the script, but cannot: {by_value_because}"
        if by_value_because is None:
            return "; make it in the function, or in a module that the workers can import"
    return ""


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """What pickling a value would pickle in turn, as far as this can be known from outside."""
    if isinstance(value, dict):
        yield from ((f"[{_label(key)}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from (("{...}", item) for item in value)
    elif isinstance(value, partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, FunctionType):
        yield from ((f" variable {name!r}", item) for name, item in _variables(value))
        yield ".__defaults__", value.__defaults__
    if isinstance(value, ModuleType):
        return  # nobody looks for what is amiss in all that a module has
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        yield from ((f".{name}", item) for name, item in attributes.items())


def _variables(function: FunctionType) -> Iterator[tuple[str, object]]:
    """The variables from outside that a function uses, and that travel with it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _label(key: object) -> str:
    if type(key) in _SPELLED_OUT:
        text = repr(key)
        return text if len(text) <= LABEL_CHARS else f"{text[:LABEL_CHARS]}..."
    return f"<{type(key).__name__}>"
