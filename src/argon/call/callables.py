"""Functions to names, and names to functions. What others cannot import gets no name: ``payload.py`` sends its code.

In, at the caller: a callable. Out: its name ``module:qualname``, and whether other processes find the same object by
it. In, at the worker: such a name. Out: the callable, or UnknownFunction with what a person needs to mend it. It must
never import anything at the caller, and never hand out an object that is not callable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final

from argon.call.failure_text import clip, traceback_of
from argon.errors import UnknownFunction

CACHED_FUNCTIONS: Final = 4096
NAME_BYTES_MAX: Final = 1024

_NOWHERE_ELSE: Final = {"__main__", "__mp_main__"}  # every process has its own

_found: dict[bytes, Callable[..., Any]] = {}


def name_of(function: Callable[..., Any]) -> str:
    """The name under which a callable's run times are counted; of a partial, that of the function inside."""
    while isinstance(function, partial):
        function = function.func
    for named in (function, type(function)):
        module, qualname = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
        if isinstance(module, str) and isinstance(qualname, str):
            return f"{module}:{qualname}"
    return "builtins:object"


def importable(function: Callable[..., Any], name: str) -> bool:
    """Whether this very object is what another process finds under the name."""
    module, _, qualname = name.partition(":")
    if module in _NOWHERE_ELSE or "<" in qualname or len(name.encode("utf-8", "replace")) > NAME_BYTES_MAX:
        return False
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found is function


def find(name: bytes) -> Callable[..., Any]:
    """Imports and returns the callable of that name.

    Raises:
        UnknownFunction: there is none, or its module fails to import. The message has close matches or the traceback.
    """
    function = _found.get(name)
    if function is None:
        function = _import(name.decode("utf-8", "replace"))
        if len(_found) >= CACHED_FUNCTIONS:
            _found.clear()
        _found[name] = function
    return function


def whereabouts() -> str:
    """What a person needs to know about this process to mend an import."""
    version = ".".join(map(str, sys.version_info[:3]))
    where = sys.path[0] if sys.path else ""
    return f"in the process that imports it, sys.path begins with {where!r}, and Python is {version}"


def _import(name: str) -> Callable[..., Any]:
    module_name, _, qualname = name.partition(":")
    if not module_name or not qualname:
        raise UnknownFunction(f"the name of a function has the form module:function, not {name!r}")
    found: Any = _import_module(name, module_name)
    place = module_name
    for part in qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [key for key in dir(found) if key[0] != "_" and callable(getattr(found, key, None))]
            like = [f"{place}{':' if place == module_name else '.'}{match}" for match in _close(part, names)]
            raise _unknown(name, f"{place} has no {part!r}", like) from None
        place = f"{module_name}:{part}" if place == module_name else f"{place}.{part}"
    if not callable(found):
        raise _unknown(name, f"it is a {type(found).__name__}, which cannot be called", ())
    return found  # type: ignore[no-any-return]  # callable, as checked


def _import_module(name: str, module_name: str) -> object:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != module_name and not module_name.startswith(f"{missing}."):
            raise _broken(name, module_name, error) from None  # it exists, and imports something that does not
        raise _unknown(name, f"there is no module {missing!r}", _close(missing, _modules_beside(missing))) from None
    except BaseException as error:  # noqa: BLE001 - a module's own code may raise anything, SystemExit too
        raise _broken(name, module_name, error) from None


def _modules_beside(missing: str) -> list[str]:
    import pkgutil

    package, _, _ = missing.rpartition(".")
    if not package:
        return [module.name for module in pkgutil.iter_modules()] + [name for name in sys.modules if "." not in name]
    path = getattr(sys.modules.get(package), "__path__", ())
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]


def _close(word: str, words: Iterable[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(word, sorted(set(words)), n=3)


def _unknown(name: str, why: str, like: Iterable[str]) -> UnknownFunction:
    matches = ", ".join(like)
    hint = f"; did you mean {matches}?" if matches else ""
    return UnknownFunction(f"no function {clip(name, 200)!r}: {clip(why, 200)}{hint} ({whereabouts()})")


def _broken(name: str, module_name: str, error: BaseException) -> UnknownFunction:
    text = clip(traceback_of(error), 16 << 10)
    return UnknownFunction(f"no function {name!r}: importing {module_name} fails ({whereabouts()}):\n{text}")
