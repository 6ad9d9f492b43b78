"""How objects are made again that cloudpickle does not make again, or only in their likeness.

In: a function, class or other object that must travel by value. Out: what pickle calls a reduced value: a function
that makes it again, and its arguments. What has been made once in a process is not made twice, so that what tasks keep
in it lasts. It must never call what it reduces.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
import sys
import threading
import typing
import weakref
from abc import ABCMeta
from enum import Enum
from importlib import import_module
from types import CodeType, FunctionType, MemberDescriptorType, new_class
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from cloudpickle import cloudpickle

from argon.call.main_modules import main_module
from argon.call.script_source import own_session

_PLAIN: Final = frozenset({int, float, bool, str, bytes, type(None)})
_LRU: Final = type(functools.lru_cache(maxsize=1)(len))
_FIELD: Final = type(msgspec.field())
_TYPE_VARIABLES: Final = frozenset({typing.ParamSpec, typing.TypeVarTuple})
ALIAS: Final[Any] = getattr(typing, "TypeAliasType", None)  # since Python 3.12
_RENEWED: Final = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
    threading.local: threading.local,
}
_SINGLEDISPATCH: Final = getattr(functools.singledispatch(len), "__code__")  # noqa: B009 - its type says nothing of it

# Of a class: what its metaclass makes, or Python when asked for it.
_MADE_ANEW: Final = frozenset({"__abstractmethods__", "_abc_impl", "__weakref__", "__dict__", "__annotations__"})

_numbers: Final = itertools.count(1)
_trackers: Final[dict[int, _Tracked]] = {}
_received: Final[WeakKeyDictionary[type, bytes]] = WeakKeyDictionary()  # with the version that each was given


# ---- functions -----------------------------------------------------------------------------------------------------


def is_plain(function: FunctionType) -> bool:
    """Whether nothing in a function can change unseen: it has no variables from outside, and simple defaults."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return not function.__closure__ and not function.__dict__ and all(type(value) in _PLAIN for value in defaults)


def reduce_function(function: FunctionType, session: bytes, module: str | None) -> tuple[Any, ...]:
    """A function by value.

    Args:
        session: whose it is.
        module: the module in which it looks for its global names; None for the main module of the session.
    """
    closure = function.__closure__
    cells = None if closure is None else tuple(cloudpickle._make_empty_cell() for _ in closure)
    tracker = None
    if cells is None:
        tracker = _tracker(function, function.__code__, function.__defaults__, function.__kwdefaults__)
    facts = {
        "__name__": function.__name__,
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
        "__annotations__": annotations_of(function),
    }
    if hasattr(function, "__type_params__"):  # since Python 3.12
        facts["__type_params__"] = function.__type_params__
    state = (dict(function.__dict__), facts, closure)
    made = (session, tracker, function.__code__, cells, module)
    return _make_function, made, state, None, None, _fill_function


def _make_function(
    session: bytes, tracker: bytes | None, code: CodeType, cells: Any, module: str | None
) -> FunctionType:
    main = main_module(session)
    known: FunctionType | None = None if tracker is None else main.trackers.get(tracker)
    if known is not None:
        return known
    names = main.module.__dict__ if module is None else import_module(module).__dict__
    function = FunctionType(code, names, None, None, cells)
    if tracker is not None:
        main.trackers[tracker] = function
    return function


def _fill_function(function: FunctionType, state: tuple[dict[str, Any], dict[str, Any], Any]) -> None:
    attributes, facts, closure = state
    function.__dict__.update(attributes)
    for name, value in facts.items():
        setattr(function, name, value)
    for cell, filled in zip(function.__closure__ or (), closure or (), strict=True):
        try:
            cell.cell_contents = filled.cell_contents
        except ValueError:
            continue  # not assigned yet


def annotations_of(annotated: Any) -> dict[str, Any]:
    """As written; those that Python 3.14 cannot evaluate yet as text."""
    try:
        return dict(annotated.__annotations__)
    except NameError:
        annotationlib = import_module("annotationlib")  # what raises this has it

        return dict(annotationlib.getannotations_of(annotated, format=annotationlib.Format.STRING))


class _Mark:
    """Tells whether a part of something is still the same, without keeping it alive."""

    __slots__ = ("_part", "_seen")

    def __init__(self, part: Any) -> None:
        self._seen = id(part)
        self._part: Any = part
        simple = type(part) in _PLAIN or (type(part) is tuple and all(type(item) in _PLAIN for item in part))
        if not simple:
            try:
                self._part = weakref.ref(part)
            except TypeError:  # what changes in such a part travels as a variable does, see pickler.py
                self._part = None

    def is_of(self, part: object) -> bool:
        kept = self._part
        if isinstance(kept, weakref.ref):
            return kept() is part
        return self._seen == id(part) and (kept is None or kept is part)


def _tracker(value: Any, *parts: object) -> bytes:
    """What no other object has anywhere; another one when a part of it is replaced."""
    key = id(value)  # not itself: its class may say what is equal to it
    known = _trackers.get(key)
    same = known is not None and known.value() is value and len(known.marks) == len(parts)
    if known is None or not same or not all(map(_Mark.is_of, known.marks, parts)):
        number = own_session() + next(_numbers).to_bytes(8, "little")
        forget = functools.partial(_trackers.pop, key)
        known = _trackers[key] = _Tracked(weakref.ref(value, lambda _: forget(None)), number, [*map(_Mark, parts)])
    return known.number


class _Tracked(typing.NamedTuple):
    """What is known of something that was sent."""

    value: weakref.ref[Any]
    number: bytes
    marks: list[_Mark]


def reduce_singledispatch(function: FunctionType) -> tuple[Any, ...] | None:
    """A generic function with its implementations; None if it is none."""
    if function.__code__ is not _SINGLEDISPATCH:
        return None
    registry = dict(function.registry)  # type: ignore[attr-defined]
    return functools.singledispatch, (registry.pop(object),), registry, None, None, _register


def _register(function: Any, registry: dict[type, Any]) -> None:
    for cls, implementation in registry.items():
        function.register(cls, implementation)


# ---- classes -------------------------------------------------------------------------------------------------------


def reduce_received(cls: type) -> tuple[Any, ...] | None:
    """A class that came from the caller, on its way back to it; None for others."""
    if cls not in _received:
        return None
    return _find_sent, (cloudpickle._get_or_create_tracker_id(cls), cls.__qualname__)


def _find_sent(tracker_id: str, qualname: str) -> Any:
    cls = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracker_id)
    if cls is None:
        raise AttributeError(f"the class {qualname} that was sent to the worker is gone")
    return cls


def reduce_class(cls: type, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """A class by value, from what cloudpickle reduces it to."""
    _, arguments, state, *_ = reduced
    attributes, rest = state
    parts = [value for name, value in sorted(cls.__dict__.items()) if name not in _MADE_ANEW]
    version = _tracker(cls, *parts)
    if "__annotations__" in cls.__dict__ or sys.version_info >= (3, 14):
        attributes["__annotations__"] = annotations_of(cls)
    if issubclass(cls, Enum):
        bases, name, qualname, _, module, tracker_id, _ = arguments
        members = {key: _member_parts(member) for key, member in cls.__members__.items()}
        made = (tracker_id, bases, name, {"__module__": module, "__qualname__": qualname}, members)
        filled = {key: _member_facts(member) for key, member in cls.__members__.items()}
        for key in cls.__members__:
            attributes.pop(key, None)
        return _make_enum, made, (version, (attributes, rest), filled), None, None, _fill_enum
    meta, name, bases, namespace, tracker_id, _ = arguments
    if typing.NamedTuple in bases:  # what that has made is a plain class
        bases, namespace["__orig_bases__"] = cls.__bases__, bases
    namespace["__qualname__"] = cls.__qualname__
    if "__slots__" in cls.__dict__:
        namespace["__slots__"] = cls.__dict__["__slots__"]
        attributes.pop("__slots__", None)
    attributes = {key: value for key, value in attributes.items() if not isinstance(value, MemberDescriptorType)}
    keywords: dict[str, Any] = {}
    if meta not in (type, ABCMeta, *_SKELETONS):  # it wants to see the whole class when it makes it
        whole = {key: value for key, value in attributes.items() if not _needs_class(value)}
        namespace.update({key: value for key, value in whole.items() if key not in _MADE_ANEW})
        namespace["__annotations__"] = attributes.get("__annotations__", {})
        if hasattr(cls, "__struct_config__"):
            keywords = _struct_keywords(cls, namespace)
            attributes = {key: value for key, value in attributes.items() if _needs_class(value)}
    made_class = (tracker_id, meta, name, bases, namespace, keywords)
    return _make_class, made_class, (version, (attributes, rest)), None, None, _fill_class


_SKELETONS: Final = (type(typing.Protocol), typing.NamedTupleMeta if hasattr(typing, "NamedTupleMeta") else type)


def _needs_class(value: object) -> bool:
    """Whether a function of a class refers to the class itself, as ``super()`` does, which is not made yet."""
    below = getattr(value, "__func__", value)
    return isinstance(below, FunctionType) and below.__closure__ is not None


_STRUCT_OPTIONS: Final = (
    *("frozen", "eq", "order", "array_like", "gc", "repr_omit_defaults", "omit_defaults"),
    *("forbid_unknown_fields", "weakref", "dict", "cache_hash", "tag", "tag_field"),
)


def _struct_keywords(cls: Any, namespace: dict[str, Any]) -> dict[str, Any]:
    """Brings the namespace of a ``msgspec.Struct`` back to how it was written, and returns its options."""
    config = cls.__struct_config__
    own = [name for name in cls.__struct_fields__ if name in namespace["__annotations__"]]
    defaults = dict(zip(reversed(cls.__struct_fields__), reversed(cls.__struct_defaults__), strict=False))
    for name in [name for name in namespace if name.startswith("__struct") or name in ("__match_args__", "__slots__")]:
        del namespace[name]
    for name in own:
        default = defaults.get(name, msgspec.NODEFAULT)
        if isinstance(default, msgspec._core.Factory):
            namespace[name] = msgspec.field(default_factory=default.factory)
        elif default is not msgspec.NODEFAULT:
            namespace[name] = default
    renamed = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
    keywords = {name: getattr(config, name) for name in _STRUCT_OPTIONS}
    keywords["kw_only"] = bool(own) and not any(name in cls.__match_args__ for name in own)
    if any(name != encoded for name, encoded in renamed.items()):
        keywords["rename"] = renamed
    return keywords


def _make_class(
    tracker_id: str, meta: Any, name: str, bases: tuple[Any, ...], namespace: dict[str, Any], keywords: dict[str, Any]
) -> type:
    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracker_id)
    if known is not None:
        return known  # type: ignore[no-any-return]  # a class, as the name says
    try:
        cls = new_class(name, bases, {"metaclass": meta, **keywords}, lambda made: made.update(namespace))
    except Exception as error:
        raise TypeError(
            f"the class {name} cannot be made again from its parts ({type(error).__name__}: {error}); define it in a "
            "module that the workers can import"
        ) from error
    cloudpickle._lookup_class_or_track(tracker_id, cls)
    _received[cls] = b""
    return cls


def _fill_class(cls: type, state: tuple[bytes, Any]) -> None:
    version, attributes = state
    if _received.get(cls, version) != version:  # not what this process has sent itself, nor has filled already
        _received[cls] = version
        cloudpickle._class_setstate(cls, attributes)


def _member_parts(member: Any) -> tuple[object, object]:
    """What a member is made of: the value of the type that is mixed in, and its own value."""
    mixed: Any = type(member)._member_type_
    if mixed is object:
        return None, member._value_
    for base, plain in _BASES.items():
        if issubclass(mixed, base):
            return plain(member), member._value_
    return member._value_, member._value_


_BASES: Final[dict[type, Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
}


def _member_facts(member: Any) -> dict[str, Any]:
    return {name: value for name, value in member.__dict__.items() if name != "__objclass__"}


def _make_enum(
    tracker_id: str, bases: tuple[Any, ...], name: str, facts: dict[str, Any], members: dict[str, tuple[Any, Any]]
) -> type:
    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracker_id)
    if known is not None:
        return known  # type: ignore[no-any-return]  # a class, as the name says

    def make_member(cls: Any, key: str) -> Any:  # in place of the class's own, which wants what was once written
        plain, value = members[key]
        mixed = cls._member_type_
        member = object.__new__(cls) if mixed is object else mixed.__new__(cls, plain)
        member._value_ = value
        return member

    meta: Any = type(bases[-1])
    namespace = meta.__prepare__(name, bases)
    namespace.update(facts)
    namespace["__new__"] = make_member
    namespace["__init__"] = lambda *_: None
    for key in members:
        namespace[key] = key
    cls: Any = meta.__new__(meta, name, bases, namespace)
    type.__delattr__(cls, "__init__")
    cloudpickle._lookup_class_or_track(tracker_id, cls)
    _received[cls] = b""
    return cls  # type: ignore[no-any-return]


def _fill_enum(cls: Any, state: tuple[bytes, Any, dict[str, dict[str, Any]]]) -> None:
    version, attributes, members = state
    if _received.get(cls, version) != version:
        _received[cls] = version
        cloudpickle._class_setstate(cls, attributes)
        for name, facts in members.items():
            cls._member_map_[name].__dict__.update(facts)


# ---- other objects -------------------------------------------------------------------------------------------------


def reduce_special(value: Any, session: bytes, *, renewing: bool) -> tuple[Any, ...] | None:
    """What else needs a way of its own, by value; None for what does not.

    Args:
        renewing: it is part of a definition or of a variable. A lock is then made anew, as an import would make it.
    """
    kind = type(value)
    if kind is _LRU:
        parameters = value.cache_parameters()
        return _make_lru_cache, (session, _tracker(value), parameters, value.__wrapped__)
    if kind is typing.NewType:
        return _make_new_type, (value.__name__, value.__supertype__, value.__module__)
    if kind is memoryview:
        block = bytes(value) if value.readonly else bytearray(value)
        return _make_memoryview, (block, value.format, value.shape)
    if kind in _TYPE_VARIABLES:
        return _make_type_variable, (session, _tracker(value), kind, value.__name__, value.__module__)
    if kind is ALIAS:
        return _make_alias, (value.__name__, value.__value__, value.__type_params__)
    if kind is _FIELD:
        return _make_field, (value.default, value.default_factory, value.name)
    if kind is weakref.WeakKeyDictionary or kind is weakref.WeakValueDictionary:
        return kind, (dict(value),)
    if renewing:
        if kind in _RENEWED:
            return _RENEWED[kind], ()
        if kind is contextvars.ContextVar:
            return _make_context_var, (session, value.name, *_default_of(value))
    return None


def _make_lru_cache(session: bytes, tracker: bytes, parameters: dict[str, Any], function: Any) -> Any:
    trackers = main_module(session).trackers
    known = trackers.get(tracker)
    if known is None:
        known = trackers[tracker] = functools.lru_cache(**parameters)(function)
    return known


def _make_memoryview(block: bytes | bytearray, layout: str, shape: tuple[int, ...]) -> memoryview:
    plain = memoryview(block)
    return plain if layout == "B" and len(shape) == 1 else plain.cast("B").cast(layout, shape)  # type: ignore[call-overload]  # any


def _make_type_variable(session: bytes, tracker: bytes, kind: Any, name: str, module: str) -> Any:
    trackers = main_module(session).trackers
    known = trackers.get(tracker)
    if known is None:
        known = trackers[tracker] = kind(name)
        known.__module__ = module
    return known


def _make_alias(name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    return ALIAS(name, value, type_params=parameters)


def _make_field(default: Any, default_factory: Any, name: str | None) -> Any:
    if default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=default_factory, name=name)
    return msgspec.field(default=default, name=name)


def _make_new_type(name: str, supertype: Any, module: str) -> Any:
    made = typing.NewType(name, supertype)  # type: ignore[misc]  # the name of the one that is made again
    made.__module__ = module
    return made


def _default_of(variable: contextvars.ContextVar[Any]) -> tuple[Any, ...]:
    try:
        return (contextvars.Context().run(variable.get),)
    except LookupError:
        return ()


def _make_context_var(session: bytes, name: str, *default: object) -> Any:
    made = contextvars.ContextVar(name, default=default[0]) if default else contextvars.ContextVar(name)
    return main_module(session).context_variables.setdefault(name, made)
