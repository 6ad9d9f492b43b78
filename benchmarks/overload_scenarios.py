"""`python -m benchmarks.overload_scenarios`: what clients and nodes that are not alike do to each other.

In: which scenarios. Out: a table for each on stdout, and on request JSON; progress on stderr. Everything runs on this
machine, ends with this process, and is bounded in time. Exit status 0 when everything ran.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from argon.cli.child_process import ended_by_exceptions
from benchmarks import scenario_clients, scenario_fleet
from benchmarks.report import machine
from benchmarks.scenario import Plan, Row, Scenario, cell_text

SCENARIOS = {
    "flooder": Scenario("A client that floods beside a polite one", scenario_clients.flooder),
    "storm": Scenario("Two hundred clients that retry", scenario_clients.storm),
    "bimodal": Scenario("Tasks of 1 ms beside some of 100 ms", scenario_clients.bimodal),
    "priorities": Scenario("The lowest priority beside a flood of the highest", scenario_clients.priorities),
    "tails": Scenario("Ten times the capacity, with heavy tails", scenario_clients.tails),
    "fleet": Scenario("A mixed fleet, by one rule after the other", scenario_fleet.mixed_fleet),
}
QUICK_SHARE = 0.1
LIMIT_S = 600.0
"""How long one scenario may take."""
WIDTH_CHARS = 150


def main(arguments: Sequence[str]) -> int:
    chosen = command_line(arguments)
    plan = Plan(QUICK_SHARE if chosen.quick else 1.0)
    progress, console = Console(stderr=True, highlight=False), Console(highlight=False, width=WIDTH_CHARS)
    begin_s = time.monotonic()
    found: dict[str, list[Row]] = {}
    for name in chosen.scenarios or SCENARIOS:
        progress.print(f"{time.monotonic() - begin_s:6.0f} s  {name}")
        with ended_by_exceptions(time_limit_s=LIMIT_S):
            found[name] = SCENARIOS[name].measure(plan)
        console.print(table(SCENARIOS[name].title, found[name]))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"machine": machine(), "scenarios": found}, indent=1) + "\n", "ascii")
    return 0


def command_line(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload_scenarios", description="Who hurts whom.")
    parser.add_argument("scenarios", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)}; without it all")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time: whether it runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.scenarios if name not in SCENARIOS]:
        parser.error(f"there is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    return chosen


def table(title: str, rows: Sequence[Row]) -> Table:
    """A scenario's rows, which have all the same columns."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in rows[0]:
        shown.add_column(name.replace("_", " "), justify="left" if isinstance(rows[0][name], str) else "right")
    for cells in rows:
        shown.add_row(*(cell_text(value) for value in cells.values()))
    return shown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
