"""What goes wrong in a task, as plain data and text.

In: an exception of any class, also one whose ``__str__`` raises or returns a gigabyte. Out: a ``Failure`` of bounded
size: text, and the attributes that are numbers or text themselves. It must never raise because of the exception it
describes, and never pickle: ``failure.py`` does that.
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import TypeAlias

import msgspec

from argon.call.exception_parts import parts_of
from argon.errors import MayHaveRun

TEXT_CHARS = 64 << 10
ATTRIBUTES_MAX = 32
ATTRIBUTE_CHARS = 1000
# Files whose frames tell the task's author nothing when they come first. What is compiled calls its folders as the
# source tree does.
_PACKAGE = __file__.removesuffix("call/failure_text.py")
_ABOVE_TASKS = (
    *(f"{root}{folder}/" for root in (_PACKAGE, "src/argon/") for folder in ("call", "client", "worker")),
    importlib.__file__,
    "<frozen importlib",
)


Attributes: TypeAlias = dict[str, str | int | float | bool | None]


class RemoteTraceback(Exception):
    """The traceback as it was where the task ran, as text. It is the ``__cause__`` of the task's exception."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


class Failure(msgspec.Struct):
    """One failure on its way to the caller.

    Attributes:
        by_argon: the worker says it on its own account; false when the task raised it.
        pickled: the exception itself, empty when it cannot travel.
        attributes: those of its attributes that are plain.
    """

    type_name: str
    message: str
    traceback_text: str
    node: str
    may_have_run: MayHaveRun
    by_argon: bool = False
    pickled: bytes = b""
    attributes: Attributes = {}


def describe(error: BaseException, *, node: str, by_argon: bool, chars_max: int) -> Failure:
    """Puts an exception into words, each text at most ``chars_max`` long."""
    may_have_run = getattr(error, "may_have_run", MayHaveRun.YES) if by_argon else MayHaveRun.YES
    return Failure(
        type_name=clip(type_name(type(error)), chars_max),
        message=clip(message_of(error), chars_max),
        traceback_text=clip(traceback_of(error), chars_max),
        node=clip(node, chars_max),
        may_have_run=may_have_run,
        by_argon=by_argon,
    )


def plain_attributes(error: BaseException) -> Attributes:
    """The attributes of an exception that are numbers, text or None: what a caller may decide by, as an error code."""
    found: Attributes = {}
    try:
        parts = parts_of(error)
        named = [(name, value) for _, name, value in parts.members] + list(parts.attributes.items())
        for name, value in named[:ATTRIBUTES_MAX]:
            kind = type(value)
            if kind is str:
                found[clip(str(name), ATTRIBUTE_CHARS)] = clip(value, ATTRIBUTE_CHARS)
            elif kind in (float, bool, type(None)) or (kind is int and -(1 << 63) <= value < 1 << 64):
                found[clip(str(name), ATTRIBUTE_CHARS)] = value
    except Exception:  # noqa: BLE001 - the task's class may hinder even this
        return {}
    return found


def type_name(cls: type) -> str:
    """The qualified name of a class, as a traceback writes it."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def message_of(error: BaseException) -> str:
    """``str(error)``, or a placeholder when that fails."""
    try:
        return str.__str__(str(error))  # plain text, also when it returned an instance of a subclass
    except BaseException as failure:  # noqa: BLE001 - a task's class may raise anything here, SystemExit too
        return f"<str() of this {type(error).__name__} raised {type(failure).__name__}>"


def traceback_of(error: BaseException) -> str:
    """The traceback with causes and notes, from the task's first frame on, or a placeholder when that fails."""
    import traceback  # only failures need it, and it takes long to import

    try:
        first = _task_frames(error.__traceback__)
        return "".join(traceback.format_exception(type(error), error, first))
    except BaseException as failure:  # noqa: BLE001 - formatting calls the task's own classes
        return f"<formatting the traceback of this {type(error).__name__} raised {type(failure).__name__}>\n"


def clip(text: str, chars_max: int) -> str:
    """At most ``chars_max`` characters, the middle left out, in text that every encoder accepts."""
    if len(text) > chars_max:
        left_out = f" ... {len(text) - chars_max} characters left out ... "
        kept = max(chars_max - len(left_out), 0)
        text = (text[: kept // 2] + left_out + text[len(text) - (kept - kept // 2) :])[:chars_max]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _task_frames(frames: TracebackType | None) -> TracebackType | None:
    """Drops the frames above the task: Argon's own, and those of the import system when a module fails to import."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename.startswith(_ABOVE_TASKS):
        first = first.tb_next
    return frames if first is None else first
