"""Exceptions of the shapes in which programs and libraries write them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn


class MessageFromArguments(Exception):
    """Its ``args`` are not what ``__init__`` wants."""

    made: ClassVar[list[str]] = []

    def __init__(self, user: str) -> None:
        self.made.append(user)
        super().__init__(f"quota of {user} is used up")
        self.user = user


class FromKeywords(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__("refused")
        self.code = code


class NewAndInit(Exception):
    def __new__(cls, first: int, second: int) -> NewAndInit:
        return super().__new__(cls, first)

    def __init__(self, first: int, second: int) -> None:
        self.second = second


class NotFound(FileNotFoundError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "gone", path)
        self.path = path


class Slotted(Exception):
    __slots__ = ("__hidden", "x")

    def __init__(self, x: object) -> None:
        self.x = x
        self.__hidden = [x]


class SlottedBelow(Slotted):
    __slots__ = ("x",)  # another slot of the same name


class Several(ExceptionGroup[Exception]):
    def __new__(cls, errors: Sequence[Exception]) -> Several:
        made = super().__new__(cls, f"{len(errors)} faults", errors)
        made.args = (errors,)
        return made

    def derive(self, errors: Sequence[Exception]) -> Several:  # type: ignore[override]
        return Several(errors)


class FromParts(Exception):
    first: Exception

    def __init__(self, parts: Any) -> None:
        super().__init__()
        self.parts = parts


class WithDefaultCode(Exception):
    def __init__(self, detail: str, code: int = 500) -> None:
        super().__init__(f"{detail} (code {code})")


class ByItself(Exception):
    """Its author has said how it is pickled."""

    def __init__(self, user: str, limit: int) -> None:
        super().__init__(f"{user} is over {limit}")
        self.user, self.limit = user, limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.user, self.limit)


class ByItselfWrongly(Exception):
    """Its author has said so, and was wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"{detail}!")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


class RenewsItsLock(Exception):
    """Holds what cannot be pickled, and makes it anew."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("busy")
        self.code, self.reason, self.lock = 503, "busy", threading.Lock()


class ChangedByLoading(Exception):
    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state, loaded=True)


class Evil(Exception):
    def __reduce__(self) -> NoReturn:
        raise SystemExit
