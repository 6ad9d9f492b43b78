"""`argon bench`: how many tasks a second, and how long one takes.

In: what each task should be like, and a cluster or nothing. Out: a few numbers, as a table or as JSON. Without a
cluster, one is started on this machine for the measurement, as real processes, and stopped whatever happens.

The method is that of the project's reference relay: one client process keeps tasks outstanding by submitting them in
parts of a thousand, and the median of three rounds counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from argon.cli.arguments import DebugOption, address_option, whole_number
from argon.cli.failures import sentence
from argon.cli.node import WorkersOption
from argon.cli.status import JsonOption
from argon.settings import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from argon.cli.bench_rounds import Measured

EXAMPLE = """\b
Examples:
  argon bench
  argon bench --workers 4 --sleep-ms 1 --tasks 4000
  argon bench --cluster localhost:8000 --size 65536 --json
"""

ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="HOST:PORT",
        parser=address_option("--cluster"),
        help="The cluster to measure. Without it one is started here; ARGON_CLUSTER is not asked, since a benchmark "
        "on a cluster that others use should be meant.",
    ),
]
TasksOption = Annotated[
    int,
    typer.Option("--tasks", metavar="N", parser=whole_number("--tasks", 1), help="How many tasks are in each round."),
]
ClientsOption = Annotated[
    int,
    typer.Option(
        "--clients",
        metavar="N",
        parser=whole_number("--clients", 1, 1000),
        help="How many connections submit them, all from this process.",
    ),
]
SleepOption = Annotated[
    int,
    typer.Option(
        "--sleep-ms", metavar="MS", parser=whole_number("--sleep-ms", 0, 60_000), help="How long each task sleeps."
    ),
]
SizeOption = Annotated[
    int,
    typer.Option(
        "--size",
        metavar="BYTES",
        parser=whole_number("--size", 0, MAX_PAYLOAD_BYTES),
        help="How many bytes each task is given and returns.",
    ),
]


def command(
    cluster: ClusterOption = None,
    tasks: TasksOption = 30_000,
    clients: ClientsOption = 1,
    workers: WorkersOption = None,
    sleep_ms: SleepOption = 0,
    size: SizeOption = 0,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure tasks a second and round trips.

    Throughput is measured with many tasks outstanding, in three rounds of which the median counts; the round trip with
    one task at a time.
    """
    if cluster is not None and workers is not None:
        raise typer.BadParameter("the cluster has its own; leave out --workers or --cluster", param_hint="--workers")
    from argon.cli.bench_rounds import Plan, measure
    from argon.cli.child import ended_by_exceptions

    with ended_by_exceptions(), measured_cluster(cluster, workers) as address:
        measured = measure(address, Plan(tasks=tasks, clients=clients, sleep_ms=sleep_ms, size_bytes=size))
    if json_output:
        print(json.dumps(measured.as_dict()), flush=True)
    else:
        show(measured)
    if measured.tally.error is not None:
        lacking = measured.failed + measured.rejected
        counted = f"{lacking} of {lacking + measured.completed} tasks did not complete"
        print(f"argon: {counted}; the first: {sentence(measured.tally.error)}", file=sys.stderr)


@contextmanager
def measured_cluster(address: str | None, workers: int | None) -> Iterator[str]:
    """The address of the cluster to measure: the given one, or one that exists only here."""
    if address is not None:
        yield address
        return
    from argon.cli.child import ready_address, running

    with running(["cluster", "--port", "0"]) as cluster:
        own = ready_address(cluster.ready_line)
        size = [] if workers is None else ["--workers", str(workers)]
        with running(["node", "--manager", own, "--name", "bench", *size]):
            yield own


def show(measured: Measured) -> None:
    """Prints the numbers for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("tasks a second", f"{measured.tasks_per_s:,}")
    table.add_row("round trip, median", f"{measured.rt_p50_us:,} µs")
    table.add_row("round trip, 99 of 100 within", f"{measured.rt_p99_us:,} µs")
    if measured.efficiency is not None:
        table.add_row("share of the ideal", f"{measured.efficiency:.1%}")
    table.add_row("completed, failed, rejected", f"{measured.completed:,}, {measured.failed:,}, {measured.rejected:,}")
    table.add_row("clients, workers", f"{measured.plan.clients}, {measured.workers}")
    Console(highlight=False).print(table)
