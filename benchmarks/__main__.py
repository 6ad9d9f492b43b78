"""`python -m benchmarks`: measures Argon, and others beside it.

In: which areas and peers, how many rounds. Out: one table on stdout, and on request JSON and a picture; progress on
stderr. Exit status 0 when everything ran, also where a bar is missed; 1 when something did not run; 2 for a wrong
command line.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from argon.cli.child_process import ended_by_exceptions
from argon.cli.failures import sentence
from benchmarks import memory, rejects, report, rounds, scale, startup
from benchmarks.peers import PEERS, available
from benchmarks.rounds import Field, Plan
from benchmarks.subject import Figure

Compare = Callable[[Field, Plan], list[Figure]]

COMPARED: dict[str, Compare] = {
    "throughput": rounds.throughput,
    "round-trip": rounds.round_trip,
    "efficiency": rounds.efficiency,
    "payload": rounds.payload,
    "cpu": rounds.cpu,
}
"""The areas that compare, measured while all compared systems run."""

ALONE: dict[str, Callable[[int, bool], list[Figure]]] = {
    "rejects": rejects.measure,
    "scale": scale.measure,
    "memory": memory.measure,
    "start-up": startup.measure,
}
"""The areas that need nobody to compare with, and are measured while nothing else runs."""

AREAS = (*COMPARED, *ALONE)
ALWAYS = ("ppe", "gearmand")
FEWEST_ROUNDS, QUICK_ROUNDS = 5, 2
TABLE_CHARS = 132
LIMIT_S = 900.0
"""How long one area, or one peer, may take."""


class Run:
    """One run of the suite.

    Attributes:
        figures: what the areas found that ran to their end.
        failed: the others, and why.
    """

    def __init__(self, progress: Console) -> None:
        self._progress = progress
        self._begin_s = time.monotonic()
        self.figures: list[Figure] = []
        self.failed: dict[str, str] = {}

    @property
    def took_s(self) -> float:
        return time.monotonic() - self._begin_s

    def compared(self, areas: Collection[str], plan: Plan) -> None:
        """Measures Argon beside the relay and the peers that are always there."""
        self._in_field({area: measure for area, measure in COMPARED.items() if area in areas}, plan)

    def alone(self, areas: Collection[str], count: int, quick: bool) -> None:
        """Measures the areas that need no other system."""
        for area, measure in ALONE.items():
            if area in areas:
                self._attempt(area, partial(measure, count, quick))

    def peers(self, names: Collection[str], plan: Plan) -> None:
        """Measures Argon beside each further peer."""
        self._in_field({name: partial(beside_peer, name) for name in names}, plan)

    def _in_field(self, steps: Mapping[str, Compare], plan: Plan) -> None:
        if not steps:
            return
        field = Field()
        try:
            if self._attempt("starting the compared systems", field.start):
                for what, measure in steps.items():
                    self._attempt(what, partial(measure, field, plan))
        finally:
            self._attempt("ending the compared systems", field.close)

    def _attempt(self, what: str, measure: Callable[[], list[Figure] | None]) -> bool:
        """Does one thing and returns whether it went well; its failure must not cost the others."""
        self._progress.print(f"{self.took_s:6.0f} s  {what}", highlight=False)
        try:
            with ended_by_exceptions(time_limit_s=LIMIT_S):
                self.figures += measure() or []
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            self._progress.print("".join(traceback.format_exception(error)), markup=False, highlight=False)
            self.failed[what] = sentence(error)
        return what not in self.failed


def beside_peer(name: str, field: Field, plan: Plan) -> list[Figure]:
    """Starts a peer for its comparison alone, since some are never idle."""
    with closing(PEERS[name]()) as peer:
        peer.start()
        return rounds.beside(peer, field, plan)


def main(arguments: Sequence[str]) -> int:
    chosen = command_line(arguments)
    if chosen.list:
        show_list(Console())
        return 0
    found = measured(chosen, Console(stderr=True))
    report.show(found, table_console())
    if chosen.json is not None:
        chosen.json.write_text(report.as_json(found), encoding="ascii")
    if chosen.plot is not None:
        from benchmarks.plot import draw

        draw(found, chosen.plot)
    return 1 if found.failed else 0


def measured(chosen: argparse.Namespace, progress: Console) -> report.Report:
    """Measures all that was asked for. A peer that was named and is not here counts as failed, others are noted."""
    plan = Plan.quick(chosen.rounds) if chosen.quick else Plan(chosen.rounds)
    further = further_peers(chosen.peers)
    run = Run(progress)
    with ended_by_exceptions():
        run.compared(chosen.only, plan)
        run.alone(chosen.only, chosen.rounds, chosen.quick)
        run.peers([name for name in further if not available(name)], plan)
    absent = {name: reason for name in [*ALWAYS, *further] if (reason := available(name))}
    named = {name: absent.pop(name) for name in chosen.peers if name in absent}
    return report.Report(
        machine=report.machine(),
        rounds=chosen.rounds,
        took_s=run.took_s,
        figures=report.judged(run.figures),
        notes=[*(f"not measured: {name}: {reason}" for name, reason in absent.items()), *warnings(chosen)],
        failed=run.failed | named,
    )


def warnings(chosen: argparse.Namespace) -> list[str]:
    """What keeps this run's numbers from being quoted."""
    found = ["quick: so few tasks show that it runs, and not how fast it is"] if chosen.quick else []
    few = [f"fewer than {FEWEST_ROUNDS} rounds: their median says little"] if chosen.rounds < FEWEST_ROUNDS else []
    return found + few


def command_line(arguments: Sequence[str]) -> argparse.Namespace:
    only = f"of {', '.join(AREAS)} (default: all of these), and peers"
    peers = ", ".join(name for name in PEERS if name not in ALWAYS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures Argon, and others beside it.")
    parser.add_argument("--quick", action="store_true", help="few tasks: to see that all runs, not to quote")
    parser.add_argument("--rounds", type=positive, metavar="N", help="rounds (default: 5, with --quick 2)")
    parser.add_argument("--only", nargs="+", choices=[*AREAS, "peers"], metavar="AREA", help=only)
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=[*PEERS, "all"],
        default=[],
        metavar="NAME",
        help=f"further systems to measure beside Argon: all, or of {peers}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw a picture (needs matplotlib)")
    parser.add_argument("--list", action="store_true", help="show the areas and the peers, and measure nothing")
    chosen = parser.parse_args(arguments)
    if chosen.rounds is None:
        chosen.rounds = QUICK_ROUNDS if chosen.quick else FEWEST_ROUNDS
    chosen.only = chosen.only or AREAS
    if "peers" in chosen.only and not chosen.peers:
        chosen.peers = ["all"]
    if chosen.plot is not None and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib, which is not installed")
    return chosen


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("want 1 or more")
    return number


def further_peers(asked: Sequence[str]) -> list[str]:
    """The peers to measure beside those that are always there."""
    names = PEERS if "all" in asked else asked
    return [name for name in dict.fromkeys(names) if name not in ALWAYS]


def table_console() -> Console:
    """The terminal as wide as it is; a file or a pipe as wide as the table wants to be."""
    return Console() if sys.stdout.isatty() else Console(width=TABLE_CHARS)


def show_list(console: Console) -> None:
    console.print(f"areas: {', '.join(AREAS)}", highlight=False)
    for name in PEERS:
        reason = available(name)
        always = ", always measured" if name in ALWAYS else ""
        console.print(f"peer {name}{always}: {reason or 'available'}", highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
