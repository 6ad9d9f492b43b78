"""The pickler for what plain pickle cannot do: functions, classes and variables of a script, lambdas, and the like.

In: objects, and the script of the caller if the workers can import it. Out: a pickle in which nothing refers to the
``__main__`` of this process, and beside it the definitions and variables of the script that it needs. It must never
send a part of what cannot be sent whole, and never change what it pickles.

What a worker finds in the script that it has imported travels by name only. Other functions and classes of the script
are definitions: they travel once a call, by value, and all else refers to them by name. ``reducers.py`` makes what
cloudpickle would make a likeness of. At the other end all belong to one main module (``main_modules.py``).
"""

from __future__ import annotations

import builtins
import io
import pickle
import re
import sys
from collections.abc import Callable, Mapping
from enum import EnumType
from hashlib import blake2b
from io import TextIOWrapper
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from cloudpickle import cloudpickle

from argon.call import reducers
from argon.call.main_modules import ABSENT, current_main, find_import, find_in_main
from argon.call.script import Script
from argon.call.script_parts import functions_in, is_definition, is_facts, own_name
from argon.call.script_source import MAIN_NAMES, own_session

DIGEST_BYTES: Final = 16
LARGE_BYTES: Final = 1 << 20

_SIMPLE: Final = frozenset({int, float, bool, str, bytes, type(None)})
_BUILTINS: Final = frozenset(vars(builtins))
_WORD: Final = re.compile(r"[^\W\d]\w*")
_MODULE_FACTS: Final = frozenset({"__name__", "__file__", "__package__", "__spec__", "__loader__", "__builtins__"})


class NotSendable(pickle.PicklingError):
    """Something that would mean another thing, or nothing, where it arrives. It says what, and the way out."""


class Packing:
    """What belongs to one call, or to one answer, while it is packed.

    Args:
        script: what the workers know of this program; None where they know nothing of it.
        answer: it is a task's answer, on its way to the caller.

    Attributes:
        definitions: what the other end must have in its main module, by name.
        containers: of variables that refer to what the script defines, what they are before anything is in them.
        values: the variables that it must have there: by name, a digest and a pickle.
        watched: the global names and attributes that were looked at, and what they meant.
        functions: those that were looked at, with their code and their defaults.
        sizes: of what else may get a new attribute, how many it had.
        lasting: whether the same would come out as long as these names mean the same.
        path: what the other end must add to its path.
        names: the global names of the script.
    """

    def __init__(self, script: Script | None = None, *, answer: bool = False) -> None:
        self.answer = answer
        self.definitions: dict[str, Any] = {}
        self.containers: dict[str, type] = {}
        self.values: dict[str, tuple[bytes, bytes]] = {}
        self.watched: list[tuple[Mapping[str, Any], str, object]] = []
        self.functions: list[tuple[FunctionType, CodeType, Any, Any]] = []
        self.sizes: list[tuple[Mapping[str, Any], int]] = []
        self.lasting = True
        self.path: list[str] = []
        self._script = script
        self._main = sys.modules["__main__"]
        self._theirs = current_main() if answer else None  # the main module of the caller to whom the answer goes
        self.session = own_session() if self._theirs is None else self._theirs.session
        self.names = self._main.__dict__
        self._noted: set[int] = set()

    # ---- pickles -----------------------------------------------------------------------------------------------

    def dump(self, value: object, buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
        """Pickles arguments, or an answer."""
        with io.BytesIO() as file:
            _Pickler(file, self, buffer_callback).dump(value)
            return file.getvalue()

    def dump_definitions(self) -> bytes:
        """Pickles the definitions, and those that they need in turn: one dictionary after the other."""
        with io.BytesIO() as file:
            pickler = _Pickler(file, self, None, defining=True)
            self._complete()
            sent: set[str] = set()
            while rest := {name: value for name, value in self.definitions.items() if name not in sent}:
                sent.update(rest)
                # One by one, and functions first: what is made may use what was made before.
                for name, value in sorted(rest.items(), key=lambda item: type(item[1]) is not FunctionType):
                    pickler.dump({name: value})
            return file.getvalue()

    def _complete(self) -> None:
        """Notes what the definitions need in turn, as far as their functions name it."""
        seen: set[str] = set()
        while rest := [name for name in self.definitions if name not in seen]:
            seen.update(rest)
            for function in (function for name in rest for function in functions_in(self.definitions[name])):
                self.note_uses(function)

    # ---- what the other end has --------------------------------------------------------------------------------

    @property
    def _by_import(self) -> bool:
        if self.answer:
            return self._theirs is not None and self._theirs.imported
        return self._script is not None and self._script.source is not None

    def is_of_main(self, value: Any) -> bool:
        """Whether something was defined by the script."""
        return getattr(value, "__module__", None) in MAIN_NAMES

    def named(self, value: object, qualname: str) -> bool:
        """Whether the script has this very object under this name."""
        found: Any = self._main
        for part in qualname.split("."):
            found = getattr(found, part, None)
        return found is value

    def found(self, value: object, qualname: str) -> bool:
        """Whether the other end has it in its main module without being told."""
        if self.answer:
            return self._theirs is not None and self.named(value, qualname) and self._theirs.has(qualname)
        return self._by_import and self._script is not None and self._script.defines(value, qualname)

    def other_name(self, value: object) -> str | None:
        """The name by which the other end has it from the import, where that is not its own."""
        if self.answer:
            return None if self._theirs is None else self._theirs.name_of(value)
        name = self._script.name_of(value) if self._by_import and self._script is not None else None
        if name is not None:
            for function in functions_in(value):
                self.note_uses(function)
        return name

    def reaches(self, module: str) -> bool:
        """Whether the other end can import a module."""
        if self.answer or self._script is None or self._script.imports(module):
            return True
        added = self._script.added_path()
        if not self._script.imports(module, added):
            return False
        self.path = added
        return True

    # ---- what functions use ------------------------------------------------------------------------------------

    def define(self, value: object, qualname: str) -> None:
        """Notes that the other end must have something of the script, and all that it uses."""
        if self.found(value, qualname):
            if id(value) not in self._noted:
                self.note_attributes(value, qualname)
                for function in functions_in(value):
                    self.note_uses(function)
        else:
            name = qualname.partition(".")[0]
            self.definitions[name] = self._main.__dict__[name]

    def note_attributes(self, value: Any, qualname: str) -> None:
        """Notes what the program may have put into a class, or a function, since the other end has made it."""
        attributes = getattr(value, "__dict__", {})
        if self.answer or isinstance(value, EnumType):
            return
        if isinstance(value, type):
            self._noted.add(id(value))
        self.sizes.append((attributes, len(attributes)))
        for name, attribute in list(attributes.items()):
            if is_facts(name) or isinstance(attribute, type):
                continue
            if not hasattr(type(attribute), "__get__") or self._was_replaced(value, name, attribute):
                self.watched.append((attributes, name, attribute))
                self._note_variable(f"{qualname}.{name}", attribute)

    def _was_replaced(self, owner: object, name: str, value: object) -> bool:
        """Whether an import of the script binds something else there."""
        script = self._script if self._by_import else None
        return script is not None and script.was_replaced(owner, name, value)

    def note_uses(self, function: FunctionType) -> None:
        """Notes what a function of the script finds in its global names."""
        names = function.__globals__
        if self.answer or id(function) in self._noted or names is not self.names:
            return
        self._noted.add(id(function))
        self.sizes.append((function.__dict__, len(function.__dict__)))
        self.functions.append((function, function.__code__, function.__defaults__, function.__kwdefaults__))
        for name in cloudpickle._extract_code_globals(function.__code__):
            if self._by_import and name in _MODULE_FACTS:
                continue
            if name in names:
                self._note_name(name, names[name])
            elif name not in _BUILTINS:
                self.watched.append((names, name, None))
                self.values[name] = ABSENT, b""
        modules = [value for name in function.__code__.co_names if type(value := names.get(name)) is ModuleType]
        for module in cloudpickle._find_imported_submodules(function.__code__, modules):
            self.definitions[module.__name__] = module  # has a dot, so that it is only imported there
        self.note_annotations(function)

    def note_annotations(self, annotated: Any) -> None:
        """Notes the classes and types that annotations have as text, for who asks what they mean."""
        if self.answer or self._by_import:
            return
        for text in reducers.annotations_of(annotated).values():
            for name in _WORD.findall(text) if isinstance(text, str) else ():
                value = self.names.get(name)
                if is_definition(value) or type(value).__module__ in ("typing", "types"):
                    self._note_name(name, value)

    def _note_name(self, name: str, value: object) -> None:
        self.watched.append((self.names, name, value))
        if not is_definition(value):
            self._note_variable(name, value)
        elif self.is_of_main(value) and name == own_name(value):
            self.define(value, name)
            if self._script is not None and name in self._script.bound_anew:
                self.definitions[name] = value  # back to what the import has made
        elif (
            not self._imports_bind(name) or self._was_replaced(self._main, name, value) or self._has_another_name(value)
        ):
            self.definitions[name] = value
            if self._script is not None:
                self._script.bound_anew.add(name)

    def _has_another_name(self, value: object) -> bool:
        """Whether it is something of the script that has a name of its own: the other end only has to look it up."""
        qualname = own_name(value)
        return self.is_of_main(value) and isinstance(qualname, str) and self.named(value, qualname)

    def _imports_bind(self, name: str) -> bool:
        script = self._script
        return self._by_import and script is not None and script.binds(name) and not script.changes(name)

    def _note_variable(self, name: str, value: object) -> None:
        if name in self.values:
            return
        script = self._script if self._by_import else None
        first = name.partition(".")[0]  # of an attribute, what it belongs to
        simple = type(value) in _SIMPLE
        self.lasting = self.lasting and simple
        if script is not None and script.is_left(name, value):
            return
        self.values[name] = b"", b""  # its own pickle may contain functions that use it
        try:
            data = self.dump_variable(value)
        except Exception as error:
            replaced = not script or (not script.changes(first) and script.was_replaced(self._main, name, value))
            if script is None or not script.binds(first) or script.binds_below(first) or ("." not in name and replaced):
                raise NotSendable(f"variable {name!r} of the script, a {type(value).__name__}: {error}") from error
            data = b""
        if not data or (len(data) > LARGE_BYTES and self._imports_bind(first)):
            assert script is not None
            script.leave(name, value)  # the import makes its own, as in every process that is spawned
            del self.values[name]
        else:
            self.values[name] = blake2b(data, digest_size=DIGEST_BYTES).digest(), data
            if type(value) in (dict, list, set) and b"find_in_main" in data:
                self.containers[name] = type(value)

    def sentinel(self, value: object) -> str | None:
        """The variable of the script that has this very ``object()``, which is compared by identity."""
        if self.answer:
            return None
        name = next((name for name, other in self.names.items() if other is value), None)
        if name is not None:
            self._note_name(name, value)
        return name

    def dump_variable(self, value: object) -> bytes:
        """Pickles the value of a variable."""
        if type(value) in _SIMPLE or type(value) is object:
            return pickle.dumps(value, 5)
        with io.BytesIO() as file:
            _Pickler(file, self, None, variable=True).dump(value)
            return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # the package has no type information
    """One stream of a packing.

    Args:
        defining: functions and classes of the script are pickled by value here, and not by name.
        variable: it is a variable of the script.
    """

    def __init__(
        self,
        file: io.BytesIO,
        packing: Packing,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None,
        *,
        defining: bool = False,
        variable: bool = False,
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._packing = packing
        self._defining = defining
        self._renewing = defining or variable  # locks and the like are made anew, as an import would

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is FunctionType:
            return self._reduce_function(obj)
        if issubclass(kind, type):
            return self._reduce_class(obj)
        if kind is ModuleType or issubclass(kind, ModuleType):
            return self._reduce_module(obj)
        return self._reduce_object(obj)

    def _by_name(self, obj: Any, qualname: str) -> Any:
        """The reference to something of the script, None where it must travel by value."""
        packing = self._packing
        if "<" in qualname or not packing.named(obj, qualname):
            other = packing.other_name(obj)
            return None if other is None else (find_import, (packing.session, other))
        if packing.found(obj, qualname):
            packing.define(obj, qualname)
            return find_import, (packing.session, qualname)
        if packing.answer:
            return None
        packing.define(obj, qualname)
        return None if self._defining else (find_in_main, (packing.session, qualname))

    def _reduce_function(self, obj: FunctionType) -> Any:
        packing = self._packing
        if packing.is_of_main(obj):
            reference = self._by_name(obj, obj.__qualname__)
            if reference is not None:
                return reference
            packing.note_uses(obj)
            packing.lasting = packing.lasting and reducers.is_plain(obj)
            return self._reduce_by_value(obj)
        return reducers.reduce_singledispatch(obj) or self._checked(obj, super().reducer_override(obj))

    def _reduce_by_value(self, obj: FunctionType) -> Any:
        names = obj.__globals__
        if names is self._packing.names:
            return reducers.reduce_function(obj, self._packing.session, None)
        module: str = names.get("__name__", "")  # a wrapper, which has taken the name of what it wraps
        is_its = module in sys.modules and sys.modules[module].__dict__ is names
        if is_its and self._packing.reaches(module):
            return reducers.reduce_function(obj, self._packing.session, module)
        self._packing.lasting = False
        return self._dynamic_function_reduce(obj)

    def _reduce_class(self, obj: type) -> Any:
        packing = self._packing
        if packing.is_of_main(obj):
            reference = self._by_name(obj, obj.__qualname__) or (
                reducers.reduce_received(obj) if packing.answer else None
            )
            if reference is not None:
                return reference
            packing.lasting = False
            packing.note_annotations(obj)
            for function in functions_in(obj):
                packing.note_uses(function)
            if packing.named(obj, obj.__qualname__):
                packing.note_attributes(obj, obj.__qualname__)
        reduced = super().reducer_override(obj)
        if reduced is NotImplemented:
            return self._checked(obj, reduced)
        if reduced[0] in (type, cloudpickle._builtin_type):
            return reduced
        return reducers.reduce_class(obj, reduced)

    def _checked(self, obj: Any, reduced: Any) -> Any:
        """By reference where the other end can import it, else by value."""
        if reduced is NotImplemented and self._packing.reaches(obj.__module__):
            return reduced
        self._packing.lasting = False  # nobody watches what it uses
        if reduced is not NotImplemented:
            return reduced
        if isinstance(obj, type):
            return reducers.reduce_class(obj, cloudpickle._dynamic_class_reduce(obj))
        return self._dynamic_function_reduce(obj)

    def _reduce_module(self, obj: ModuleType) -> Any:
        if obj is sys.modules["__main__"]:
            raise NotSendable("the module __main__ itself, which is another one there: send what is needed of it")
        if self._packing.reaches(obj.__name__):
            return NotImplemented
        facts = {name: value for name, value in obj.__dict__.items() if name not in _MODULE_FACTS}
        return cloudpickle.dynamic_subimport, (obj.__name__, facts)

    def _reduce_object(self, obj: Any) -> Any:
        packing = self._packing
        of_main = packing.is_of_main(obj) or type(obj) is reducers.ALIAS  # one that was made anew has another module
        if of_main and isinstance(qualname := own_name(obj), str):
            reference = self._by_name(obj, qualname)
            if reference is not None:
                return reference
        if isinstance(obj, TextIOWrapper) and obj not in (sys.stdout, sys.stderr):
            raise NotSendable(f"an open file stays in its process; send its name ({obj.name!r}), and open it there")
        if type(obj) is object and (name := packing.sentinel(obj)) is not None:
            return find_in_main, (packing.session, name)
        special = reducers.reduce_special(obj, packing.session, renewing=self._renewing)
        if special is not None:
            return special
        if not of_main or type(obj) in self.dispatch_table:
            return NotImplemented
        reduced = obj.__reduce_ex__(5)
        if isinstance(reduced, str) and packing.named(obj, reduced) and packing.found(obj, reduced):
            return find_in_main, (packing.session, reduced)
        if isinstance(reduced, str):  # a name in this process's __main__
            raise NotSendable(
                f"{reduced!r} of the script is a {type(obj).__name__}, which travels by its name only; define it in a "
                "module that the workers can import"
            )
        return reduced
