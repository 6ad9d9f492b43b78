"""Records with some fields replaced."""

from __future__ import annotations

from typing import TypeVar

from argon.record import Record

R = TypeVar("R", bound=Record)


def replaced(record: R, **changes: object) -> R:
    """The same record with these fields instead."""
    return type(record)(**{**record.fields(), **changes})
