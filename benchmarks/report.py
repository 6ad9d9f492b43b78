"""What is asked of the numbers, and how they are shown: the bars, the machine, the table, the JSON.

In: Figures. Out: the same Figures with their bars, as text for a terminal, and as JSON in plain ASCII. Nothing here
measures.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from benchmarks.subject import Figure

RELAY, PPE, GEARMAND = "null relay", "ProcessPoolExecutor", "gearmand"


class Bar(msgspec.Struct, frozen=True):
    """What is asked of one figure."""

    area: str
    what: str
    least_or_most: Literal[">=", "<="]
    limit: float
    of: str = ""

    @property
    def text(self) -> str:
        return f"{self.least_or_most} {self.limit:,g} {self.of}".strip()

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.least_or_most == ">=" else value <= self.limit


BARS = (
    Bar("throughput", f"AsyncClient / {RELAY}", ">=", 0.60),
    Bar("throughput", f"Client / {RELAY}", ">=", 0.35),
    Bar("throughput", f"Executor / {RELAY}", ">=", 0.35),
    Bar("throughput", f"Client / {PPE}", ">=", 4),
    Bar("throughput", f"Executor / {PPE}", ">=", 4),
    Bar("throughput", f"AsyncClient / {GEARMAND}", ">=", 3),
    Bar("round trip", f"AsyncClient / {RELAY}, p50", "<=", 1.25),
    Bar("round trip", "AsyncClient, p99 / its p50", "<=", 2),
    Bar("round trip", f"Client / {PPE}, p50", "<=", 1),
    Bar("round trip", f"AsyncClient / {GEARMAND}, p50", "<=", 0.9),
    Bar("efficiency", "AsyncClient, 1 ms", ">=", 0.93),
    Bar("efficiency", "AsyncClient, 10 ms", ">=", 0.985),
    Bar("payload", "AsyncClient, 1 MiB bytes", ">=", 600, "MB/s"),
    Bar("payload", "growth of the cluster's memory, 64 MiB bytes", "<=", 2, "payloads"),
    Bar("cpu", "AsyncClient, cluster", "<=", 5, "us"),
    Bar("start-up", "import argon, whole process", "<=", 80, "ms"),
    Bar("start-up", "argon --help, whole process", "<=", 250, "ms"),
    Bar("start-up", "argon.local() to first result, with the import", "<=", 700, "ms"),
)


class Report(msgspec.Struct, kw_only=True):
    """One run.

    Attributes:
        notes: what a reader must know of it.
        failed: the areas that did not run to their end, and why.
    """

    machine: dict[str, str]
    rounds: int
    took_s: float
    figures: list[Figure]
    notes: list[str]
    failed: dict[str, str]


def judged(figures: Iterable[Figure], bars: Sequence[Bar] = BARS) -> list[Figure]:
    """The figures, those of which something is asked with their bar and whether it is met."""
    asked = {(bar.area, bar.what): bar for bar in bars}
    return [
        figure
        if (bar := asked.get((figure.area, figure.what))) is None
        else msgspec.structs.replace(figure, bar=bar.text, met=bar.is_met(figure.value))
        for figure in figures
    ]


# ---- the machine ----------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """Where this runs, as far as it changes a number."""
    import argon
    from argon.build import this_build

    return {
        "cpu": cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "argon": f"{argon.__version__}, {this_build().kind}",
        "uvloop": installed("uvloop"),
        "msgspec": installed("msgspec"),
    }


def cpu_model(description: Path = Path("/proc/cpuinfo")) -> str:
    for line in description.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# ---- for people -----------------------------------------------------------------------------------------------------


def show(report: Report, console: Console) -> None:
    """Prints everything."""
    console.print(Group(figure_table(report.figures), *closing_lines(report)))


def figure_table(figures: Sequence[Figure]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("area", "what"):
        table.add_column(name, overflow="fold")
    for name in ("median", "min .. max"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("unit", "bar", "met"):
        table.add_column(name, no_wrap=True)
    area = ""
    for figure in figures:
        if area and figure.area != area:
            table.add_section()
        shown_area = "" if figure.area == area else figure.area
        area = figure.area
        low, high = min(figure.samples), max(figure.samples)
        spread = f"{number(low)} .. {number(high)}" if len(figure.samples) > 1 else ""
        table.add_row(
            shown_area, figure.what, number(figure.value), spread, figure.unit, figure.bar, met_mark(figure.met)
        )
    return table


def met_mark(met: bool | None) -> Text:
    if met is None:
        return Text("")
    return Text("yes", style="green") if met else Text("no", style="bold red")


def number(value: float) -> str:
    """Three digits that count, or all of the whole number.

    >>> number(0.98765), number(12.345), number(123456.7)
    ('0.988', '12.3', '123,457')
    """
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def closing_lines(report: Report) -> list[Text]:
    """What stands under the table."""
    asked = [figure for figure in report.figures if figure.met is not None]
    lines = [f"{name}: {value}" for name, value in report.machine.items()]
    lines.append(f"medians of {report.rounds} rounds; {report.took_s:,.0f} s in all")
    if asked:
        lines.append(f"bars met: {sum(figure.met is True for figure in asked)} of {len(asked)}")
    texts = [Text(line) for line in lines + report.notes]
    return texts + [Text(f"FAILED {area}: {reason}", style="bold red") for area, reason in report.failed.items()]


# ---- for programs ---------------------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    """The report as JSON: all samples of each figure, and their median, least and most."""
    plain = msgspec.to_builtins(report)
    for entry, figure in zip(plain["figures"], report.figures, strict=True):
        entry.update(median=figure.value, min=min(figure.samples), max=max(figure.samples))
    return json.dumps(plain, indent=1) + "\n"
