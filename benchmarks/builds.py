"""`python -m benchmarks.builds`: what a change costs, as two builds of Argon in turns.

In: builds, each as NAME=PYTHON,ROOT: a Python that has it, and the root of the sources it was built from. Out: a table
on stdout: for each client and figure the ratio to the first build. It must never compare what was not measured within
a second: the speed of a machine that others use too changes faster than a whole measurement takes.

All stacks run at once, and are idle but for the one that is measured. A burst takes some 60 ms; each build has one,
in random order, and the ratio is taken of these. A row has the median over the turns, and then over restarts, since
processes of one build differ too. Give one build twice, under two names, and see what chance does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

SIDE = Path(__file__).with_name("build_side.py")
CLIENTS = ("AsyncClient", "Client", "Executor")
BURSTS = ("throughput", "round-trip")
ENDS_WITHIN_S = 60.0

Row = tuple[str, str, str]
"""A build, a client, and a figure."""


class Build(NamedTuple):
    """A build that is compared: what it is called, the Python that has it, and the root of its sources."""

    name: str
    python: str
    root: Path


class Side:
    """The processes of one build, until `close`."""

    def __init__(self, build: Build) -> None:
        self.name = build.name
        self._process = subprocess.Popen(
            [build.python, "-c", SIDE.read_text("utf-8")],
            cwd=build.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )

    def wait_ready(self) -> None:
        """Returns when its stack is warm; raises RuntimeError when it does not start."""
        if self._read() != "ready":
            raise RuntimeError(f"the build {self.name} does not start: see above")

    def burst(self, what: str, client: str) -> dict[str, float]:
        """The figures of one burst."""
        assert self._process.stdin is not None
        print(what, client, file=self._process.stdin, flush=True)
        figures: dict[str, float] = json.loads(self._read())
        return figures

    def close(self) -> None:
        """Ends its processes."""
        self._process.communicate(timeout=ENDS_WITHIN_S)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def parse_build(text: str) -> Build:
    """A build from NAME=PYTHON,ROOT."""
    name, is_there, where = text.partition("=")
    python, also_there, root = where.partition(",")
    if not (name and is_there and also_there and shutil.which(python) and Path(root, "benchmarks").is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PYTHON,ROOT with a Python and a folder ROOT/benchmarks")
    return Build(name, os.path.abspath(python) if os.sep in python else python, Path(root))


def ratios(bursts: Sequence[Mapping[str, Mapping[str, float]]], first: str) -> dict[tuple[str, str], float]:
    """The median ratio to the build `first`, by build and figure; each burst has the figures of all builds."""
    found: dict[tuple[str, str], list[float]] = {}
    for burst in bursts:
        for name, figures in burst.items():
            for figure, value in figures.items():
                if name != first and burst[first][figure]:
                    found.setdefault((name, figure), []).append(value / burst[first][figure])
    return {row: statistics.median(values) for row, values in found.items()}


def one_start(builds: Sequence[Build], turns: int) -> dict[Row, float]:
    """Starts all builds, measures them in turns, and ends them; returns the ratios to the first."""
    with ExitStack() as stays:
        sides = [Side(build) for build in builds]
        for side in sides:
            stays.callback(side.close)
        for side in sides:
            side.wait_ready()
        bursts: dict[tuple[str, str], list[dict[str, dict[str, float]]]] = {}
        for _ in range(turns):
            for client in CLIENTS:
                for what in BURSTS:
                    order = random.sample(sides, len(sides))
                    bursts.setdefault((what, client), []).append({s.name: s.burst(what, client) for s in order})
    return {
        (name, client, figure): ratio
        for (_, client), measured in bursts.items()
        for (name, figure), ratio in ratios(measured, builds[0].name).items()
    }


def table(found: Mapping[Row, Sequence[float]], first: str) -> Table:
    """A row for each figure: the median over the starts, the least and the most."""
    shown = Table("build", "client", f"ratio to {first}", "median", "least", "most")
    for (name, client, figure), values in sorted(found.items()):
        shown.add_row(
            name, client, figure, *(f"{value:.3f}" for value in (statistics.median(values), min(values), max(values)))
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.builds", description="Compares builds of Argon, in turns.")
    parser.add_argument("builds", nargs="+", type=parse_build, metavar="NAME=PYTHON,ROOT")
    parser.add_argument("--starts", type=int, default=8, help="how often all is started anew (8)")
    parser.add_argument("--turns", type=int, default=40, help="bursts of each build, client and figure in a start (40)")
    chosen = parser.parse_args(arguments)
    if chosen.starts < 1 or chosen.turns < 1:
        parser.error("--starts and --turns are 1 or more")
    if len({build.name for build in chosen.builds}) < max(2, len(chosen.builds)):
        parser.error("give two builds or more, each with a name of its own")
    found: dict[Row, list[float]] = {}
    for start in range(chosen.starts):
        for row, ratio in one_start(chosen.builds, chosen.turns).items():
            found.setdefault(row, []).append(ratio)
        print(f"{start + 1} of {chosen.starts}", file=sys.stderr)
    Console().print(table(found, chosen.builds[0].name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
