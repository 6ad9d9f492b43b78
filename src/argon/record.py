"""The base of plain records, which are compared and shown field by field.

A record names its fields in ``__slots__`` and sets each in ``__init__``. Where Argon is compiled that makes it a C
struct, which is made and read in a few nanoseconds; it is not known to the garbage collector, so a record must never
be part of a cycle.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Record:
    """What has only fields."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).__slots__
        )

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).__slots__)
        return f"{type(self).__name__}({fields})"
