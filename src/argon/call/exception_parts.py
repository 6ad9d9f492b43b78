"""What an exception consists of, and how it is made again from that.

In: an exception of any class. Out: its parts, and a stand-in that pickles as a call of ``make`` and one of ``fill``.
It must never call a class's ``__init__`` or ``__new__``: they want what was once given to them, and nobody knows that
any more.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from types import MemberDescriptorType
from typing import Any, Final, NamedTuple, TypeAlias

CONTAINER_LEVELS: Final = 3

_HEAP_TYPE: Final = 1 << 9  # a bit of ``__flags__``: made by a class statement, or by C code that imitates one
_POINTER_BYTES: Final = tuple.__itemsize__
_PICKLE_METHODS: Final = (
    *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"),
)
# Classes whose members are no state, or are given to ``make``.
_NOT_FILLED: Final = (BaseException, BaseExceptionGroup, object)
_OBJ: Final = AttributeError.__dict__["obj"]  # Python itself does not pickle it: it may be a module, or of any size
_WRITTEN: Final = OSError.__dict__["characters_written"]  # no member, and state all the same
_ARGS: Final = BaseException.__dict__["args"]
_MESSAGE: Final = BaseExceptionGroup.__dict__["message"]
_EXCEPTIONS: Final = BaseExceptionGroup.__dict__["exceptions"]
_DICT: Final = BaseException.__dict__["__dict__"]


_State: TypeAlias = tuple[tuple[Any, ...], tuple[tuple[int, str, Any], ...], dict[str, Any]]


class ExceptionParts(NamedTuple):
    """What tells an exception from others of its class.

    Attributes:
        args: its ``args``.
        group: message and exceptions of a group, else empty.
        members: slots, and what C code keeps, such as ``errno``: place of their class in the ``__mro__``, name, value.
        attributes: its ``__dict__``, with the notes.
    """

    args: tuple[Any, ...]
    group: tuple[Any, ...]
    members: tuple[tuple[int, str, Any], ...]
    attributes: dict[str, Any]


def parts_of(error: BaseException) -> ExceptionParts:
    """Takes an exception apart; its class has no say in it, whatever it overrides."""
    members: list[tuple[int, str, Any]] = []
    for place, cls in enumerate(type(error).__mro__):
        if cls in _NOT_FILLED:
            continue
        for name, member in vars(cls).items():
            if (type(member) is MemberDescriptorType and member is not _OBJ) or member is _WRITTEN:
                try:
                    members.append((place, name, member.__get__(error)))
                except AttributeError:
                    continue  # not assigned
    is_group = issubclass(type(error), BaseExceptionGroup)
    group = (_MESSAGE.__get__(error), _EXCEPTIONS.__get__(error)) if is_group else ()
    return ExceptionParts(_ARGS.__get__(error), group, tuple(members), _DICT.__get__(error))


def pickles_by_itself(cls: type[BaseException]) -> bool:
    """Whether the author of a class has said how it is pickled."""
    if cls in copyreg.dispatch_table:
        return True
    for name in _PICKLE_METHODS:
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if owner.__module__ != "builtins":
            return True
    return False


def has_hidden_state(cls: type[BaseException]) -> bool:
    """Whether C code keeps more in the exceptions of a class than can be seen from here."""
    base: type | None = cls
    while base is not None and base.__module__ != "builtins":
        above = base.__base__ or object
        members = [member for member in vars(base).values() if type(member) is MemberDescriptorType]
        seen_bytes = _POINTER_BYTES * (len(members) + ("__weakref__" in vars(base)))
        if base.__basicsize__ - above.__basicsize__ > seen_bytes:
            return True
        base = above
    return False


class StandIn:
    """Stands for an exception in a pickle. What is loaded is an exception of that class, with the same parts.

    It holds its parts only while it is pickled: the exceptions among them are stand-ins too.
    """

    __slots__ = ("_cls", "_group", "_state")

    def __init__(self, cls: type[BaseException]) -> None:
        self._cls = cls
        self._group: tuple[Any, ...] = ()
        self._state: tuple[Any, ...] = ()

    def hold(self, parts: ExceptionParts, replaced: Callable[[Any], Any]) -> None:
        """Takes the parts; apart from the constructor, since an exception may be a part of itself.

        Args:
            replaced: what is pickled in place of a part.
        """
        self._group = tuple(map(replaced, parts.group))
        members = tuple([(place, name, replaced(value)) for place, name, value in parts.members])
        attributes = {name: replaced(value) for name, value in parts.attributes.items()}
        self._state = replaced(parts.args), members, attributes

    def __reduce__(self) -> tuple[Any, ...]:
        return make, (self._cls, *self._group), self._state, None, None, fill


class Completed:
    """Stands for an exception that only its class can make again: it is pickled as that says, and given its parts."""

    __slots__ = ("_error", "_state")

    def __init__(self, error: BaseException, parts: ExceptionParts) -> None:
        self._error = error
        self._state = parts.args, parts.members, parts.attributes

    def __reduce__(self) -> tuple[Any, ...]:
        return complete, (self._error, self._state)


class StandIns:
    """The stand-ins for an exception, and for those among its parts.

    Args:
        stays: whether an exception is pickled as its class says.
    """

    def __init__(self, stays: Callable[[BaseException], bool]) -> None:
        self._stays = stays
        self._made: dict[int, Any] = {}
        self._kept: list[object] = []  # so that no id is used again

    def replaced(self, value: Any, levels: int = CONTAINER_LEVELS) -> Any:
        """What is pickled in place of a value: of an exception, or of a list, tuple or dict that holds one."""
        kind = type(value)
        is_error = issubclass(kind, BaseException)
        if not is_error and not (kind in (list, tuple, dict) and levels and _holds_exception(value, levels)):
            return value
        made = self._made.get(id(value))
        if made is not None:
            return made
        self._kept.append(value)
        if is_error:
            if has_hidden_state(kind):
                if not pickles_by_itself(kind):
                    raise TypeError(f"nobody can make another {kind.__qualname__} with what C code keeps in it")
                made = self._made[id(value)] = Completed(value, parts_of(value))
            elif pickles_by_itself(kind) and self._stays(value):
                made = self._made[id(value)] = value
            else:
                made = self._made[id(value)] = StandIn(kind)
                made.hold(parts_of(value), self.replaced)
        elif kind is tuple:
            made = self._made[id(value)] = tuple([self.replaced(part, levels - 1) for part in value])
        elif kind is list:
            made = self._made[id(value)] = []
            made += [self.replaced(part, levels - 1) for part in value]
        else:
            made = self._made[id(value)] = {}
            made.update({key: self.replaced(part, levels - 1) for key, part in value.items()})
        return made


def _holds_exception(value: Any, levels: int) -> bool:
    for part in value.values() if type(value) is dict else value:
        kind = type(part)
        if issubclass(kind, BaseException):
            return True
        if kind in (list, tuple, dict) and levels > 1 and _holds_exception(part, levels - 1):
            return True
    return False


# ---- called by pickle, in the process that loads -------------------------------------------------------------------


def make(cls: type[BaseException], *group: Any) -> BaseException:
    """An exception of a class without anything in it; a group has its message and exceptions from the start."""
    base: Any = cls
    while base.__flags__ & _HEAP_TYPE:
        base = base.__base__
    made: BaseException = base.__new__(cls, *group)
    return made


def complete(error: BaseException, state: _State) -> BaseException:
    """Gives an exception that its class has made its parts, in place of those that it has."""
    _DICT.__get__(error).clear()
    fill(error, state)
    return error


def fill(error: BaseException, state: _State) -> None:
    """Gives an exception its parts."""
    args, members, attributes = state
    _ARGS.__set__(error, args)
    for place, name, value in members:
        member = vars(type(error).__mro__[place])[name]
        try:
            if member.__get__(error) is value:
                continue  # what C code has not set reads as None, and would no longer be unset as None
        except AttributeError:
            pass
        member.__set__(error, value)
    _DICT.__get__(error).update(attributes)
