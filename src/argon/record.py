"""The base of plain records, which are compared and shown field by field.

A record names its fields in ``__slots__`` and sets each in ``__init__``. Where Argon is compiled that makes it a C
struct, which is made and read in a few nanoseconds; it is not known to the garbage collector, so a record must never
be part of a cycle.
"""

from __future__ import annotations

from typing import Any

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Record:
    """What has only fields."""

    __slots__ = ()

    def fields(self) -> dict[str, object]:
        """Its fields by name, in order. A compiled class has no slots, and names them elsewhere."""
        kept: Any = type(self)
        names: tuple[str, ...] = getattr(kept, "__mypyc_attrs__", ()) or getattr(kept, "__slots__", ())
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and self.fields() == other.fields()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.fields().items())})"
