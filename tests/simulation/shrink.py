"""From a plan under which a promise is broken to the smallest one found under which it still is.

In: a plan, and whether a plan breaks a promise. Out: a smaller plan. Each step makes one thing smaller or leaves one
kind of fault out, and is kept if the promise still breaks; what breaks may be another promise by then, since a
smaller scenario draws other lots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Any

from tests.simulation.plan import Plan
from tests.simulation.scenario import PromiseBroken, carry_out

ATTEMPTS = 400
LEAST: dict[str, Any] = {
    "nodes": 1,
    "workers": 1,
    "clients": 1,
    "burst": 1,
    "levels": 1,
    "idempotent": 0.0,
    "max_requests": None,
    "failed_starts": 0.0,
    "queue_limit": 100,
    "queue_target_s": inf,
    "queue_bytes": 1 << 28,
    "age_step_s": 1000.0,
}


def breaks(plan: Plan) -> bool:
    """Whether a promise is broken under this plan."""
    try:
        carry_out(plan)
    except PromiseBroken:
        return True
    return False


def shrink(plan: Plan, breaks: Callable[[Plan], bool] = breaks) -> Plan:
    """The smallest plan found under which a promise still breaks."""
    attempts = 0
    while True:
        for smaller in _smaller(plan):
            attempts += 1
            if attempts > ATTEMPTS:
                return plan
            if breaks(smaller):
                plan = smaller
                break
        else:
            return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans that are smaller by one step, the boldest first."""
    for fault in plan.faults:
        yield replace(plan, faults=[other for other in plan.faults if other != fault])
    for name, least in LEAST.items():
        if getattr(plan, name) != least:
            yield replace(plan, **{name: least})
    for tasks in (1, plan.tasks // 2, plan.tasks - 1):
        if 0 < tasks < plan.tasks:
            yield replace(plan, tasks=tasks)
    if plan.seconds > 0.1:
        yield replace(plan, seconds=plan.seconds / 2)


def save(plan: Plan, folder: Path) -> Path:
    """Keeps a plan as a test of `tests/simulation/regress/`; returns its file."""
    path = folder / f"seed-{plan.seed}.json"
    path.write_text(json.dumps(asdict(plan), indent=1) + "\n")
    return path


def load(path: Path) -> Plan:
    """A plan that was saved."""
    return Plan(**json.loads(path.read_text()))
