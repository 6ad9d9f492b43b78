"""What the parts of a script are: which have a name by themselves, and what functions something consists of.

In: an object of the script. Out: its name, and its functions. It must never call anything of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

from argon.call.script_source import MAIN_NAMES

_BELOW: Final = ("__wrapped__", "__func__", "func")  # where wrappers, methods and partials keep what they call


def is_facts(name: str) -> bool:
    """Whether an attribute is Python's or a library's own: ``__doc__``, ``_fields_``, ``_abc_impl``."""
    return name[:2] == "__" or (name[:1] == "_" and name[-1:] == "_") or name == "_abc_impl"


def own_name(value: Any) -> object:
    return getattr(value, "__qualname__", None) or getattr(value, "__name__", None)


def is_definition(value: Any) -> bool:
    """Whether a global name is bound to something that has a name by itself: it is not a variable."""
    if isinstance(value, FunctionType | type | ModuleType):
        return True
    return getattr(value, "__module__", None) in MAIN_NAMES and isinstance(own_name(value), str)


def functions_in(value: Any) -> Iterator[FunctionType]:
    """The functions whose code something runs: itself, those of a class, and those below a wrapper."""
    seen: set[int] = set()
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, FunctionType):
            yield part
            waiting += [content for cell in part.__closure__ or () if callable(content := _content(cell))]
        elif isinstance(part, type):
            if part.__module__ in MAIN_NAMES:
                waiting += [*part.__dict__.values(), *part.__bases__]
            continue
        elif isinstance(part, property):
            waiting += [part.fget, part.fset, part.fdel]
        waiting += [below for name in _BELOW if (below := getattr(part, name, None)) is not None]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # not assigned yet
