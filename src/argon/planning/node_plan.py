"""What the nodes of a fleet are like, and how people write that.

In: text. Out: plans, or a ValueError that says how to write one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from argon.settings import MAX_WORKERS

MAX_NODES: Final = 100_000
_SPEED_MIN, _SPEED_MAX = 1e-3, 1e3
_NODE_TEXT: Final = re.compile(
    r"(?:(?P<count>\d{1,6})x)?(?P<workers>\d{1,4})(?:@(?P<speed>[\d.]{1,12})(?::(?P<later>[\d.]{1,12})@(?P<at>[\d.]{1,12}))?)?"
)


@dataclass(frozen=True)
class NodePlan:
    """One node: its workers, how fast they are, and from when on they are otherwise."""

    workers: int
    speed: float = 1.0
    later_speed: float = 1.0
    turns_at_s: float = inf

    def speed_at(self, moment: float) -> float:
        """How many seconds of service time a worker does in one second."""
        return self.speed if moment < self.turns_at_s else self.later_speed


def capacity_per_s(fleet: Sequence[NodePlan], mean_s: float, overhead_s: float) -> float:
    """How many tasks of this mean service time a fleet can finish in a second, as long as no node turns."""
    return sum(plan.workers / (mean_s / plan.speed + overhead_s) for plan in fleet)


def parse_nodes(text: str) -> list[NodePlan]:
    """Reads ``[COUNTx]WORKERS[@SPEED[:LATER@SECONDS]]``.

    >>> parse_nodes("2x8@0.5") == [NodePlan(8, 0.5), NodePlan(8, 0.5)]
    True
    """
    found = _NODE_TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            "a node has the form [COUNTx]WORKERS[@SPEED[:LATER@SECONDS]], such as 8, 100x8@0.5, or 8@1:0.1@30 for a "
            f"node that is ten times slower from second 30 on; not {text!r}"
        )
    count, workers = int(found["count"] or 1), int(found["workers"])
    if not 1 <= count <= MAX_NODES or not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"there must be 1 to {MAX_NODES:,} nodes of 1 to {MAX_WORKERS:,} workers, not {text!r}")
    plan = NodePlan(workers, _speed(found["speed"], text))
    if found["at"]:
        plan = replace(plan, later_speed=_speed(found["later"], text), turns_at_s=_number(found["at"], text))
    return [plan] * count


def _speed(text: str | None, whole: str) -> float:
    speed = 1.0 if text is None else _number(text, whole)
    if not _SPEED_MIN <= speed <= _SPEED_MAX:
        raise ValueError(f"a speed must be a number from {_SPEED_MIN:g} to {_SPEED_MAX:g}, not {text} in {whole!r}")
    return speed


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} in {whole!r} is not a number") from None
