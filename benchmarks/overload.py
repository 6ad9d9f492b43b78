"""`python -m benchmarks.overload`: what other systems do with more work than they can do, beside Argon.

In: which systems and factors. Out: a table on stdout, and on request JSON and a picture; progress on stderr. The phases
and what is measured are those of `argon bench --overload` (src/argon/cli/bench/overload.py). Each system runs in a
process of its own for each factor, bounded in time: one with an unbounded queue would work it off for minutes. Exit
status 0 when everything ran, 1 when something did not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from argon.cli.bench.overload import OverloadPlan
from argon.cli.bench.overload_tables import rows
from argon.cli.child_process import ended_by_exceptions
from argon.cli.failures import sentence
from benchmarks.overload_system import SYSTEMS, Answer, Order, Result, lacking
from benchmarks.peers.child import Child
from benchmarks.report import machine

FACTORS = (2.0, 5.0, 10.0)
START_AND_END_S = 90.0
"""What a system may take beyond its phases."""
LAST_WORDS_S = 15.0
SHOWN = (
    *(
        "goodput, share of capacity",
        "accepted, p99 when calm",
        "accepted, p50 in the spike",
        "accepted, p99 in the spike",
    ),
    *("completed", "rejected by the cluster", "rejected by the client itself", "failed, unanswered"),
    *("a reject's answer, p99", "recovery", "the driver's lag, p99"),
)


class Found(msgspec.Struct):
    """What is read again of a run."""

    systems: list[Result]


def main(arguments: Sequence[str]) -> int:
    chosen = command_line(arguments)
    progress = Console(stderr=True, highlight=False)
    results = [result for file in chosen.earlier for result in read(file)]
    failed: dict[str, str] = {}
    begin_s = time.monotonic()
    for name in chosen.peers:
        if reason := lacking(name):
            failed[name] = reason
            continue
        for factor in chosen.factors:
            progress.print(f"{time.monotonic() - begin_s:6.0f} s  {SYSTEMS[name].title}, {factor:g} times its capacity")
            try:
                with ended_by_exceptions():
                    results.append(measured(name, plan_of(chosen, factor)))
            except (RuntimeError, msgspec.MsgspecError) as error:
                failed[f"{name} at {factor:g}"] = sentence(error)
    console = Console(highlight=False, width=120)
    for factor in sorted({result.figures.factor for result in results}):
        console.print(factor_table(factor, [result for result in results if result.figures.factor == factor]))
    for what, reason in failed.items():
        console.print(f"{what}: {reason}")
    if chosen.json is not None:
        chosen.json.write_text(as_json(results, failed), "ascii")
    if chosen.plot is not None:
        from benchmarks.overload_plot import draw

        draw(results, plan_of(chosen, chosen.factors[0]), chosen.plot)
    return 1 if failed else 0


def command_line(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overload", description="Systems that get too much work."
    )
    parser.add_argument("--peers", nargs="*", choices=list(SYSTEMS), metavar="NAME", help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--factors", nargs="+", type=float, default=list(FACTORS), metavar="FACTOR")
    parser.add_argument(
        "--earlier", nargs="+", type=Path, default=[], metavar="FILE", help="JSON of earlier runs, to be shown beside"
    )
    parser.add_argument("--quick", action="store_true", help="short phases: whether it runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="needs matplotlib")
    chosen = parser.parse_args(arguments)
    if chosen.peers is None:
        chosen.peers = [name for name in SYSTEMS if not lacking(name)]
    return chosen


def plan_of(chosen: argparse.Namespace, factor: float) -> OverloadPlan:
    plan = OverloadPlan(factors=(factor,))
    return replace(plan, calm_s=1.0, spike_s=2.0, recovery_limit_s=5.0) if chosen.quick else plan


def measured(name: str, plan: OverloadPlan) -> Result:
    """Has one system measured in a process of its own, and sees to it that the process ends.

    Raises:
        RuntimeError: it ended without figures, or took too long.
    """
    limit_s = plan.calm_s + plan.spike_s + plan.recovery_limit_s + START_AND_END_S
    order = msgspec.json.encode(Order(name, plan)).decode()
    with Child([sys.executable, "-m", "benchmarks.overload_system", order]) as child:
        line = child.line(limit_s)
        end_s = time.monotonic() + LAST_WORDS_S
        while not child.has_ended() and time.monotonic() < end_s:
            time.sleep(0.05)
    found = msgspec.json.decode(line, type=Answer)
    return Result(SYSTEMS[name].title, found.efficiency, found.figures)


def factor_table(factor: float, results: Sequence[Result]) -> Table:
    """The systems at one factor, side by side."""
    table = Table("", title=f"{factor:g} × capacity", title_justify="left", box=box.SIMPLE_HEAD)
    for result in results:
        table.add_column(result.system, justify="right")
    columns = [dict(rows(result.figures)) for result in results]
    for name in SHOWN if results else ():
        table.add_row(name, *(column[name] for column in columns))
    return table


def as_json(results: Sequence[Result], failed: dict[str, str]) -> str:
    found = {"machine": machine(), "systems": [asdict(result) for result in results], "failed": failed}
    return json.dumps(found, indent=1) + "\n"


def read(file: Path) -> list[Result]:
    """The results of an earlier run."""
    return msgspec.json.decode(file.read_bytes(), type=Found).systems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
