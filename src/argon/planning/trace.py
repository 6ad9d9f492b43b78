"""Reads a trace: the tasks of a real day, one a line, to be run again.

In: the lines of a CSV file with a heading, or of JSON objects. Out: Arrivals, or a ValueError that names the line. The
columns are ``at_s`` and ``service_s``, and where they are known ``client``, ``priority`` and ``kind``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from argon.planning.workload import MAX_TASKS, Arrival
from argon.settings import MAX_TIMEOUT_S, Priority

_LATEST_S: Final = 1e11
_SHORTEST_S: Final = 1e-9
COLUMNS = ("at_s", "service_s", "client", "priority", "kind")


def read_trace(lines: Iterable[str]) -> list[Arrival]:
    """The tasks of a trace, in the order of its lines."""
    found: list[Arrival] = []
    for number, row in _rows(lines):
        if len(found) >= MAX_TASKS:
            raise ValueError(f"a trace has at most {MAX_TASKS:,} tasks")
        found.append(_arrival(number, row))
    return found


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each row and the number of its line; which of the two formats it is, the first line shows."""
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1))
    filled = ((number, line) for number, line in numbered if line)
    first = next(filled, None)
    if first is None:
        return
    if first[1].startswith("{"):
        for number, line in chain([first], filled):
            yield number, _json_row(number, line)
        return
    columns = [name.strip() for name in next(csv.reader([first[1]]))]
    strange = set(columns) - set(COLUMNS)
    if strange or not {"at_s", "service_s"} <= set(columns):
        raise ValueError(
            f"line {first[0]}: a trace begins with a heading of at_s,service_s and any of client,priority,kind; "
            f"this one is {first[1][:80]!r}"
        )
    for number, line in filled:
        yield number, dict(zip(columns, next(csv.reader([line])), strict=False))


def _json_row(number: int, line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"line {number} must be a JSON object, not {line[:80]!r}")
    return row


def _arrival(number: int, row: Mapping[str, object]) -> Arrival:
    priority = (_text(row, "priority") or Priority.NORMAL.name).upper()
    known = [level for level in Priority if priority in (level.name, str(int(level)))]
    if not known:
        raise ValueError(f"line {number}: priority must be one of {', '.join(Priority.__members__)}, not {priority!r}")
    return Arrival(
        at_s=_seconds(number, row, "at_s", 0.0, _LATEST_S),
        service_s=_seconds(number, row, "service_s", _SHORTEST_S, MAX_TIMEOUT_S),
        client=_text(row, "client"),
        priority=known[0],
        kind=_text(row, "kind"),
    )


def _text(row: Mapping[str, object], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _seconds(number: int, row: Mapping[str, object], column: str, least: float, most: float) -> float:
    text = _text(row, column)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= most:
        raise ValueError(
            f"line {number}: {column} must be a number of seconds from {least:g} to {most:g}, not {text!r}"
        )
    return seconds
