"""Main modules: what ``__main__`` means to the code of a caller, in the process where it runs.

In: definitions that a caller has packed, or its script. Out: functions and classes that find by name, in a module of
their own, what they found in the caller's ``__main__``; and that module as ``__main__`` while they run. What a task
puts into a global variable stays there for the next task of the same caller. It must never change the ``__main__`` of
the caller itself, nor mix what two callers call ``__main__``.
"""

from __future__ import annotations

import builtins
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from importlib import import_module
from importlib.abc import ExecutionLoader
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from types import FunctionType, ModuleType
from typing import Any, Final
from weakref import WeakValueDictionary

from argon.call.failure_text import clip, traceback_of
from argon.call.script_source import MAIN_NAMES, ScriptSource, own_session

CALLERS_KEPT: Final = 64
ABSENT: Final = b"absent"  # in place of a digest
TRACEBACK_CHARS: Final = 16 << 10


class MainModule:
    """What ``__main__`` means to one caller.

    Attributes:
        session: the caller's.
        module: stands for it.
        imported: whether it was made by an import of the caller's script.
        trackers: functions by the caller's numbers for them.
        context_variables: by name; nothing refers to one weakly.
    """

    def __init__(self, session: bytes, module: ModuleType, *, imported: bool, own: bool = False) -> None:
        self.session = session
        self.module = module
        self.imported = imported
        self.trackers: WeakValueDictionary[object, Any] = WeakValueDictionary()
        self.context_variables: dict[str, ContextVar[Any]] = {}
        self._own = own
        self._digests: dict[str, bytes] = {}
        self._made: dict[str, Any] = {}
        self._imports: dict[str, Any] = {}
        self._other_names: dict[int, tuple[Any, str]] = {}

    def enter(self) -> None:
        """Makes it the ``__main__`` of this process."""
        if self._own:
            return
        _callers[self.session] = self  # its functions may have been kept for longer than itself
        _callers.move_to_end(self.session)
        if sys.modules.get("__main__") is not self.module:
            sys.modules["__main__"] = self.module
            sys.modules["__mp_main__"] = self.module

    def is_made(self) -> None:
        """The import has come to its end: what is there now its caller has as well."""
        self._made = dict(self.module.__dict__)
        self._imports = dict(self._made)
        self._other_names = names_by_identity(self._made)

    def name_of(self, value: object) -> str | None:
        """The name by which an import of the script has bound something that says another of itself."""
        known = self._other_names.get(id(value))
        return None if known is None or known[0] is not value else known[1]

    def has(self, qualname: str) -> bool:
        """Whether the caller has what has this name: it has sent it, or the import has made it."""
        name = qualname.partition(".")[0]
        return name in self._made and self._made[name] is self.module.__dict__.get(name)

    def find(self, qualname: str) -> Any:
        """What has this name; raises AttributeError if nothing has."""
        found: Any = self.module
        for part in qualname.split("."):
            found = getattr(found, part)
        return found

    def find_import(self, qualname: str) -> Any:
        """What the import has made under this name, whatever was bound to it since; at the caller what it has."""
        first, *rest = qualname.split(".")
        found: Any = self._imports.get(first) if self.imported else getattr(self.module, first)
        for part in rest:
            found = getattr(found, part)
        return found

    def bind(self, names: dict[str, Any]) -> dict[str, Any]:
        """Binds functions, classes and modules that other functions use; returns what was bound.

        A name with a dot is that of a module which only has to be imported, and loading it has done that.
        """
        if self._own:
            return {}
        bound = {name: value for name, value in names.items() if "." not in name}
        self.module.__dict__.update(bound)
        self._made.update(bound)
        return bound

    def is_current(self, digests: dict[str, bytes], bound: dict[str, Any]) -> bool:
        """Whether the names mean this."""
        known, names = self._digests, self.module.__dict__
        for name, digest in digests.items():
            if known.get(name) != digest:
                return False
        return all(names.get(name) is value for name, value in bound.items())

    def assign(self, values: dict[str, tuple[bytes, bytes]], same: Callable[[Any, bytes], bool]) -> None:
        """Gives variables, and attributes of functions and classes, the values that their caller has given them since,
        and no others, so that what tasks have put there lasts.

        Args:
            values: by name, such as ``count`` or ``Plain.count``, a digest and a pickle.
            same: whether a value that the import has made has this pickle.
        """
        if self._own:
            return
        for path, (digest, data) in values.items():
            if self._digests.get(path) == digest:
                continue
            if digest == ABSENT:
                self._forget(path)
                continue
            above, _, name = path.rpartition(".")
            owner = self.find(above) if above else self.module
            first = self.imported and path not in self._digests
            if not (first and name in owner.__dict__ and same(owner.__dict__[name], data)):
                setattr(owner, name, pickle.loads(data))
            self._digests[path] = digest

    def reserve(self, containers: dict[str, type]) -> None:
        """Makes room for variables that classes fill while they are made, as a registry of subclasses is filled."""
        for name, kind in containers.items():
            if "." not in name and not self._own:
                self.module.__dict__.setdefault(name, kind())

    def _forget(self, path: str) -> None:
        """The caller has no such variable: one that it has sent goes, one that a task has made stays."""
        if self._digests.get(path, ABSENT) != ABSENT or self._made.get(path) is not None:
            self._made.pop(path, None)
            self.module.__dict__.pop(path, None)
        self._digests[path] = ABSENT


_callers: OrderedDict[bytes, MainModule] = OrderedDict()
_scripts: dict[bytes, ScriptSource] = {}
_importing: list[str] = []


def offer_script(script: ScriptSource) -> None:
    """Lets a caller's main module be made by an import of its script, when a task needs it."""
    _scripts[script.session] = script


def importing() -> str:
    """The file of the script that is being imported now, empty for none."""
    return _importing[-1] if _importing else ""


def main_module(session: bytes) -> MainModule:
    """The main module of a caller, made when it is first asked for.

    Raises:
        ImportError: the caller's script cannot be imported here. It has what was raised as its cause.
    """
    main = _callers.get(session)
    if main is None:
        if session == own_session():
            main = MainModule(session, sys.modules["__main__"], imported=False, own=True)
        elif session in _scripts:
            main = _imported(_scripts[session])
        else:
            main = MainModule(session, _empty_module("__main__"), imported=False)
        _callers[session] = main
        if len(_callers) > CALLERS_KEPT:
            _callers.popitem(last=False)
    else:
        _callers.move_to_end(session)
    return main


def current_main() -> MainModule | None:
    """The main module that is ``__main__`` now, None if that is this process's own program."""
    module = sys.modules.get("__main__")
    for main in _callers.values():
        if main.module is module:
            return main
    return None


def find_import(session: bytes, qualname: str) -> Any:
    """What an import of the caller's script has made under this name."""
    return main_module(session).find_import(qualname)


def names_by_identity(names: Mapping[str, Any]) -> dict[int, tuple[Any, str]]:
    """Under which names a script has its functions and classes, also inside of classes, whatever they call
    themselves."""
    found: dict[int, tuple[Any, str]] = {}

    def note(name: str, value: Any) -> bool:
        own = isinstance(value, FunctionType | type) and value.__module__ in MAIN_NAMES
        if own:
            found.setdefault(id(value), (value, name))
        return own

    for name, value in names.items():
        if note(name, value) and isinstance(value, type):
            for inner, part in vars(value).items():
                note(f"{name}.{inner}", part)
    return found


def find_in_main(session: bytes, qualname: str) -> Any:
    """What a caller's main module has under this name."""
    return main_module(session).find(qualname)


def _empty_module(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__dict__["__builtins__"] = builtins  # pickle, for one, imports through it
    return module


class _Loader(ExecutionLoader):
    """Runs the source of a script, as an import of its file would, wherever the file is by now."""

    def __init__(self, script: ScriptSource) -> None:
        self._script = script

    def get_source(self, fullname: str) -> str:
        return decode_source(self._script.source)

    def get_filename(self, fullname: str) -> str:
        return self._script.file


def _imported(script: ScriptSource) -> MainModule:
    loader = _Loader(script)
    module = _empty_module("__mp_main__")
    module.__file__ = script.file
    if script.name is not None:
        module.__spec__ = ModuleSpec(script.name, loader, origin=script.file)
        module.__package__ = script.name.rpartition(".")[0]
    main = MainModule(script.session, module, imported=True)
    before = {name: sys.modules.get(name) for name in MAIN_NAMES}
    main.enter()
    _importing.append(script.file)
    try:
        if module.__package__:
            import_module(module.__package__)
        loader.exec_module(module)
    except BaseException as error:
        for name, value in before.items():
            if value is not None:
                sys.modules[name] = value
        raise ImportError(
            f"importing the caller's script {script.file} raised {type(error).__name__}; with import_script=False what "
            f"the script defines travels by value:\n{clip(traceback_of(error), TRACEBACK_CHARS)}"
        ) from error
    finally:
        _importing.pop()
    main.is_made()
    return main
