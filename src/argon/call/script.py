"""The caller's program, as the workers of its own cluster know it: its main module, and where they look for modules.

In: the main module that runs here, and ``sys.path``. Out: what a worker needs to import the same script, as a spawned
process of multiprocessing does, and which of its objects a worker then finds by name. It must never run the script, and
never call an object importable that an import would define in another way.

Only a guarded script is imported: one that starts its cluster below ``if __name__ == "__main__"``. What an import of
any other would start is not known, so that all it defines travels by value.
"""

from __future__ import annotations

import ast
import dis
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from argon.call.main_modules import names_by_identity
from argon.call.script_source import MAIN_NAMES, ScriptSource, own_session

_BINDING: Final = ("STORE_NAME", "STORE_GLOBAL")
_EDITED: Final = "its file has been edited since it was started"
_UNGUARDED: Final = 'it starts its cluster outside of `if __name__ == "__main__":`'
_SITE_FINDERS: Final = ("__editable__", "_distutils_hack", "six")


class Script:
    """The program of this process, when its cluster was started.

    Args:
        path: the workers' ``sys.path``.
        importing: whether they may import its script; True by default.

    Attributes:
        source: for its workers; None if they cannot import it.
        path: the ``sys.path`` that they have.
        by_value_because: why they cannot import it; empty if they can.
        bound_anew: names of the script under which they were sent something else than an import binds.
        named: functions that they can import, by id; kept here by who packs calls.
    """

    def __init__(self, path: list[str], *, importing: bool = True) -> None:
        self.path = path
        self.source: ScriptSource | None = None
        self.bound_anew: set[str] = set()
        self.named: dict[int, tuple[object, bytes, int]] = {}
        self.by_value_because = "import_script is False"
        self._main = sys.modules["__main__"]
        self._codes: set[CodeType] = set()
        self._names: frozenset[str] = frozenset()
        self._changed: frozenset[str] = frozenset()
        self._below: frozenset[str] = frozenset()
        self._modules_seen = 0, ""  # how many, and the latest
        self._unreachable: list[bytes] = []
        self._other_names: dict[int, tuple[Any, str]] = {}
        self._alive: list[object] = []
        self._at_start: dict[int, dict[str, int]] = {}
        self._seen: dict[int, tuple[object, tuple[Any, ...]]] = {}  # functions as they were when first asked for
        self._left: dict[str, object] = {}
        self._modules: dict[str, tuple[ModuleType, bool]] = {}
        if importing:
            self._read()

    def _read(self) -> None:
        """Finds out whether the script can be imported, and what that would define."""
        text = _source_of(self._main)
        if text is None:
            self.by_value_because = "it has no file"
            return
        file: str = self._main.__file__  # type: ignore[assignment]  # what has a source has a file
        try:
            tree = ast.parse(text, file)
            self.by_value_because = _why_unguarded(self._main, tree, compile(text, file, "exec", dont_inherit=True))
            defined = compile(_imported_part(tree), file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            self.by_value_because = _EDITED
            return
        if self.by_value_because:
            return
        sys.modules.setdefault("__mp_main__", self._main)  # as multiprocessing has it: what workers pickle may say so
        self._codes = set(_codes_in(defined))
        self._names = frozenset(_bound_by(defined, _BINDING))
        guarded = compile(_guarded_part(tree), file, "exec", dont_inherit=True)
        others = [*self._codes, guarded, *_codes_in(guarded)]
        stores = (name for code in others for name in _bound_by(code, ("STORE_GLOBAL",)))
        self._below = frozenset(_bound_by(guarded, _BINDING))
        self._changed = self._below.union(stores)
        name = None if self._main.__spec__ is None else self._main.__spec__.name
        self.source = ScriptSource(own_session(), text, file, name)
        classes = [value for value in vars(self._main).values() if isinstance(value, type)]
        bound = {name: value for name, value in vars(self._main).items() if name in self._names - self._changed}
        self._other_names = names_by_identity(bound)
        owners = (self._main, *classes)
        # By identity: data that the program lets go of must not be kept here. Functions are, so that no other takes
        # the place of one in memory.
        self._alive = [value for owner in owners for value in vars(owner).values() if isinstance(value, FunctionType)]
        self._at_start = {id(owner): {name: id(value) for name, value in vars(owner).items()} for owner in owners}

    def binds(self, name: str) -> bool:
        """Whether an import of the script binds this global name."""
        return name in self._names

    def changes(self, name: str) -> bool:
        """Whether a function of the script, or what is below its guard, may have bound it anew."""
        return name in self._changed

    def binds_below(self, name: str) -> bool:
        """Whether what is below its guard binds it, which no import runs."""
        return name in self._below

    def defines(self, value: object, qualname: str) -> bool:
        """Whether an import of the script makes this function, class or other object under this name."""
        first, *rest = qualname.split(".")
        found: Any = self._main.__dict__.get(first)
        for part in rest:
            found = getattr(found, part, None)
        now = self._main.__dict__.get(first)
        if found is not value or first not in self._names or self.was_replaced(self._main, first, now):
            return False
        if isinstance(value, FunctionType):
            facts = value.__code__, value.__defaults__, value.__kwdefaults__
            _, known = self._seen.setdefault(id(value), (value, facts))
            if any(now is not then for now, then in zip(facts, known, strict=True)):
                return False
        if first not in self._changed:
            return True
        code = getattr(value, "__code__", None)  # not that of a wrapper, which has taken the name of what it wraps
        return isinstance(value, FunctionType) and code in self._codes and code.co_qualname == qualname

    def name_of(self, value: object) -> str | None:
        """The name by which an import of the script binds something that says another of itself."""
        known = self._other_names.get(id(value))
        return None if known is None or known[0] is not value else known[1]

    def was_replaced(self, owner: object, name: str, value: object) -> bool:
        """Whether the main module, or a class of the script, had something else under this name when the cluster was
        started; or whether it is a function of which no import knows."""
        if isinstance(value, FunctionType) and value.__code__ not in self._codes:
            return value.__module__ in MAIN_NAMES
        known = self._at_start.get(id(owner))
        return known is not None and known.get(name) != id(value)

    def imports(self, name: str, added: Sequence[str] = ()) -> bool:
        """Whether the workers find the module of that name that is loaded here, with these folders added to their
        path."""
        module = sys.modules.get(name)
        if module is None:
            return True  # it is not here either: the name is all there is
        if added:
            return _is_found(module, name, [*self.path, *added])
        known = self._modules.get(name)
        if known is None or known[0] is not module:
            known = self._modules[name] = (module, _is_found(module, name, self.path))
        return known[1]

    def is_left(self, name: str, value: object) -> bool:
        """Whether this value of a variable is one that was left to the import."""
        return name in self._left and self._left[name] is value

    def leave(self, name: str, value: object) -> None:
        """Leaves a variable to the import, as long as it has this value."""
        self._left[name] = value

    def unreachable(self) -> list[bytes]:
        """The names of modules that are loaded here, and that the workers do not find."""
        seen = len(sys.modules), next(reversed(sys.modules))
        if seen != self._modules_seen:
            self._modules_seen = seen
            tops = {name.partition(".")[0] for name in list(sys.modules)} - MAIN_NAMES
            missing = [name for name in tops if not self.imports(name)]
            self._unreachable = [name.encode("utf-8", "replace") for name in missing]
        return self._unreachable

    def added_path(self) -> list[str]:
        """What has come to ``sys.path`` since, and workers do not have."""
        return [entry for entry in sys.path if entry and entry not in self.path]


def _source_of(main: ModuleType) -> bytes | None:
    """The text of the script, None for what has none: a prompt, a notebook, ``python -c``."""
    file = getattr(main, "__file__", None)
    if not isinstance(file, str):
        return None
    loader = getattr(getattr(main, "__spec__", None), "loader", None)
    try:
        if loader is not None and hasattr(loader, "get_source"):
            text = loader.get_source(main.__spec__.name)  # type: ignore[union-attr]
            return None if text is None else text.encode()
        with open(file, "rb") as stream:
            return stream.read()
    except (OSError, ImportError, UnicodeError):
        return None


def _why_unguarded(main: ModuleType, tree: ast.Module, code: CodeType) -> str:
    """Why an import is not safe; empty if the script is at work now, below its guard, and is what its file says."""
    here = [frame for frame in _frames() if frame.f_globals is main.__dict__ and frame.f_code.co_name == "<module>"]
    guarded = [
        (part.body[0].lineno, part.body[-1].end_lineno or 0)
        for part in tree.body
        if isinstance(part, ast.If) and _is_guard(part)
    ]
    if any(frame.f_code != code for frame in here):
        return _EDITED
    below = [any(first <= frame.f_lineno <= last for first, last in guarded) for frame in here]
    return "" if below and all(below) else _UNGUARDED


def _frames() -> Iterator[FrameType]:
    for frame in sys._current_frames().values():
        below: FrameType | None = frame
        while below is not None:
            yield below
            below = below.f_back


def _is_guard(statement: ast.stmt) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``, alone or together with other conditions."""
    if not isinstance(statement, ast.If):
        return False
    test = statement.test
    conditions = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    for condition in conditions:
        if isinstance(condition, ast.Compare) and len(condition.ops) == 1 and isinstance(condition.ops[0], ast.Eq):
            sides = (condition.left, condition.comparators[0])
            names = [side.id for side in sides if isinstance(side, ast.Name)]
            values = [side.value for side in sides if isinstance(side, ast.Constant)]
            if names == ["__name__"] and values == ["__main__"]:
                return True
    return False


def _imported_part(tree: ast.Module) -> ast.Module:
    """The script without what an import does not run."""
    body: list[ast.stmt] = []
    for statement in tree.body:
        if _is_guard(statement):
            assert isinstance(statement, ast.If)
            body += statement.orelse
        else:
            body.append(statement)
    return ast.Module(body=body, type_ignores=[])


def _guarded_part(tree: ast.Module) -> ast.Module:
    """What an import does not run."""
    body: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.If) and _is_guard(statement):
            body += statement.body
    return ast.Module(body=body, type_ignores=[])


def _bound_by(code: CodeType, operations: tuple[str, ...]) -> Iterator[str]:
    return (step.argval for step in dis.get_instructions(code) if step.opname in operations)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)


def _is_found(module: ModuleType, name: str, path: list[str]) -> bool:
    """Whether an import of that name, with that path, finds the file from which the module was loaded."""
    if name in MAIN_NAMES:
        return False
    if name in sys.builtin_module_names or name.partition(".")[0] in sys.stdlib_module_names:
        return True
    package, _, _ = name.rpartition(".")
    if package:
        above = sys.modules.get(package)
        if above is None or not _is_found(above, package, path):
            return False
        places: Any = getattr(above, "__path__", None)
        if places is None:
            return False
    else:
        places = path
    file = getattr(module, "__file__", None)
    for finder in (BuiltinImporter, FrozenImporter, PathFinder, *_other_finders()):
        try:
            spec = finder.find_spec(name, places)
        except Exception:  # noqa: BLE001 - a finder that somebody has installed may raise anything
            continue
        if spec is not None:
            return _same_file(spec.origin, file) if file is not None and spec.has_location else True
    return False


def _other_finders() -> list[Any]:
    """The finders that site-packages have installed, as for editable installations, which workers have as well."""
    return [
        finder
        for finder in sys.meta_path
        if getattr(finder, "__module__", type(finder).__module__).startswith(_SITE_FINDERS)
    ]


def _same_file(first: str | None, second: str) -> bool:
    if first is None:
        return False
    try:
        return os.path.samefile(first, second)
    except OSError:
        return first == second
