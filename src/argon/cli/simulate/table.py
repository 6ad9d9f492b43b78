"""The numbers of `argon simulate`, as a table for people or as JSON for programs; a column for each rule that was run.

In: the fleet, the workload and the summaries. Out: text on stdout, or a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argon.planning.node_plan import NodePlan
    from argon.planning.result import Percentiles, Summary
    from argon.planning.workload import Workload

Cell = Callable[["Summary"], str]


def as_dict(fleet: Sequence[NodePlan], work: Workload, seed: int, summaries: Mapping[str, Summary]) -> dict[str, Any]:
    """What JSON says: times in seconds, as everywhere in Argon."""
    return {
        "nodes": len(fleet),
        "workers": sum(plan.workers for plan in fleet),
        "tasks": len(work),
        "clients": work.clients,
        "offered_per_s": offered_per_s(work),
        "mean_service_s": sum(work.service_s) / len(work),
        "burst": work.spike,
        "seed": seed,
        "rules": {name: summary.as_dict() for name, summary in summaries.items()},
    }


def show(fleet: Sequence[NodePlan], work: Workload, seed: int, summaries: Mapping[str, Summary]) -> None:
    """Prints the table."""
    from argon.cli.terminal import say, show_table

    workers = sum(plan.workers for plan in fleet)
    mean_ms = 1000 * sum(work.service_s) / len(work)
    say(
        f"{len(fleet):,} nodes, {workers:,} workers; {len(work):,} tasks of {mean_ms:.3g} ms on average, "
        f"{offered_per_s(work):,.0f} a second; clients: {work.clients:,}; seed: {seed}"
    )
    groups = list(dict.fromkeys(name for summary in summaries.values() for name in summary.groups))
    show_table(
        [(title, *(cell(summary) for summary in summaries.values())) for title, cell in rows(work, groups).items()],
        header=("", *summaries),
    )


def rows(work: Workload, groups: Sequence[str]) -> dict[str, Cell]:
    """The rows by title. What cannot happen in this workload has none."""
    shown: dict[str, Cell] = {
        "lasted, s": lambda s: f"{s.lasted_s:,.3g}",
        "goodput, tasks a second": lambda s: f"{s.goodput_per_s:,.0f}",
        "wait, mean ms": lambda s: _ms(s.wait, "mean"),
        "wait, p50": lambda s: _ms(s.wait, "p50"),
        "wait, p99": lambda s: _ms(s.wait, "p99"),
        "wait, p99.9": lambda s: _ms(s.wait, "p999"),
        "total, mean ms": lambda s: _ms(s.total, "mean"),
        "total, p50": lambda s: _ms(s.total, "p50"),
        "total, p99": lambda s: _ms(s.total, "p99"),
        "total, p99.9": lambda s: _ms(s.total, "p999"),
        "completed": lambda s: f"{s.completed:,}",
        "rejected": lambda s: f"{s.rejected:,}",
        "expired": lambda s: f"{s.expired:,}",
        "utilisation": lambda s: f"{s.utilisation:.1%}",
    }
    for name in groups:
        shown[f"total of {name}, p50"] = partial(_group_ms, name, "p50")
        shown[f"total of {name}, p99"] = partial(_group_ms, name, "p99")
    if work.spike is not None:
        shown["recovery after the burst, s"] = _recovery
    if work.flood is not None:
        shown["of the greedy client: completed"] = lambda s: f"{s.flood[0]:,}" if s.flood else "–"
        shown["of the greedy client: last answer, s"] = lambda s: f"{s.flood[1]:.3g}" if s.flood else "–"
    return shown


def offered_per_s(work: Workload) -> float:
    """The mean rate at which tasks come; all of them in a second, where they come at once."""
    return len(work) / (work.at_s[-1] or 1.0)


def _ms(of: Percentiles | None, name: str) -> str:
    return "–" if of is None else f"{1000 * getattr(of, name):,.3g}"


def _group_ms(group: str, name: str, summary: Summary) -> str:
    return _ms(summary.groups.get(group), name)


def _recovery(summary: Summary) -> str:
    seconds = summary.recovery_s
    if seconds is None:
        return "–"
    return "not within the run" if seconds == inf else f"{seconds:.3g}"
