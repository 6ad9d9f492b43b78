"""`argon bench`: how many tasks a second, how long one takes, and what happens under overload.

In: what each task should be like, and a cluster or nothing. Out: a few numbers, as a table or as JSON. Without a
cluster, one is started on this machine for the measurement, as real processes, and stopped whatever happens.

The method is that of the project's reference relay: one client process keeps tasks outstanding by submitting them in
parts of a thousand, and the median of three rounds counts. With `--overload` tasks are submitted when they are due,
more than the workers can do, and how they end is counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from argon.build import this_build
from argon.cli.arguments import address_option, debug_option, json_option, whole_number
from argon.cli.bench.overload_options import (
    OVERLOAD_WORKERS,
    GivenOverload,
    calm_option,
    distribution_option,
    factors_argument,
    overload_option,
    plot_option,
    slo_option,
    spike_option,
    timeout_ms_option,
)
from argon.cli.failures import sentence
from argon.settings import MAX_PAYLOAD_BYTES, MAX_WORKERS

if TYPE_CHECKING:
    from pathlib import Path

    from argon.cli.bench.rounds import Measured
    from argon.cli.bench.task_times import Distribution

TASKS = 30_000
EXAMPLE = """\b
Examples:
  argon bench
  argon bench --workers 4 --sleep-ms 1 --tasks 4000
  argon bench --cluster localhost:8000 --size 65536 --json
  argon bench --overload
  argon bench --overload 2 20 --timeout-ms 200 --distribution lognormal --plot overload.png
"""


@click.command(epilog=EXAMPLE)
@factors_argument
@overload_option
@click.option(
    "--cluster",
    metavar="HOST:PORT",
    type=address_option("--cluster"),
    help="Address of the cluster to measure. Without it, one is started on this machine. ARGON_CLUSTER is ignored, so "
    "that nobody loads a shared cluster by mistake.",
)
@click.option(
    "--tasks",
    metavar="N",
    type=whole_number("--tasks", 1),
    help=f"How many tasks are in each round; {TASKS:,} by default.",
)
@click.option(
    "--clients",
    metavar="N",
    type=whole_number("--clients", 1, 1000),
    default=1,
    help="How many connections submit the tasks, all from this process.",
)
@click.option(
    "--workers",
    metavar="N",
    type=whole_number("--workers", 1, MAX_WORKERS),
    help="How many workers the cluster that is started here has. Without it: one for each CPU, or "
    f"{OVERLOAD_WORKERS} with --overload.",
)
@click.option(
    "--sleep-ms",
    metavar="MS",
    type=whole_number("--sleep-ms", 0, 60_000),
    help="How long each task sleeps. Without it: not at all, or 20 ms on average with --overload.",
)
@click.option(
    "--size",
    metavar="BYTES",
    type=whole_number("--size", 0, MAX_PAYLOAD_BYTES),
    default=0,
    help="How many bytes each task receives and returns.",
)
@calm_option
@spike_option
@slo_option
@timeout_ms_option
@distribution_option
@plot_option
@json_option
@debug_option
def command(
    factors: Sequence[float],
    overload: bool,
    cluster: str | None,
    tasks: int | None,
    clients: int,
    workers: int | None,
    sleep_ms: int | None,
    size: int,
    calm_s: float | None,
    spike_s: float | None,
    slo_ms: int | None,
    timeout_ms: int | None,
    distribution: Distribution | None,
    plot: Path | None,
    json_output: bool,
) -> None:
    """Measure throughput and latency, or behaviour under overload.

    Without --overload: the throughput with many tasks outstanding, as the median of three rounds, and the round trip
    with one task at a time.

    With --overload: tasks are submitted at a fixed rate, whether or not earlier tasks are answered. The rate is half of
    what the workers can do, then for a while FACTOR times of what they can do, then half again until the cluster has
    recovered. This takes about 20 seconds for each FACTOR.
    """
    if cluster is not None and workers is not None:
        raise click.BadParameter(
            "the cluster has its own workers; leave out --workers or --cluster", param_hint="--workers"
        )
    given = GivenOverload(factors, calm_s, spike_s, slo_ms, timeout_ms, distribution, plot)
    if not overload:
        given.refuse()
        rounds(cluster, tasks or TASKS, clients, workers, sleep_ms or 0, size, json_output)
        return
    if tasks is not None:
        raise click.BadParameter(
            "with --overload the rates and times set the number of tasks; leave out --tasks", param_hint="--tasks"
        )
    if sleep_ms == 0:
        raise click.BadParameter("must be 1 or more with --overload, got 0", param_hint="--sleep-ms")
    from argon.cli.bench.overload import measure
    from argon.cli.bench.overload_tables import show as show_overload
    from argon.cli.child_process import ended_by_exceptions
    from argon.cli.progress import progress_on_terminal

    plan = given.plan(sleep_ms=sleep_ms, clients=clients, size_bytes=size or None)
    picture = given.picture()
    with (
        ended_by_exceptions(),
        measured_cluster(cluster, workers or OVERLOAD_WORKERS) as address,
        progress_on_terminal("spikes") as advance,
    ):
        measured = measure(address, plan, advance)
    if json_output:
        print(json.dumps({"build": this_build().kind, **measured.as_dict()}), flush=True)
    else:
        print(this_build())
        show_overload(measured)
    picture(measured)


def rounds(
    cluster: str | None, tasks: int, clients: int, workers: int | None, sleep_ms: int, size: int, json_output: bool
) -> None:
    """Throughput and round trips."""
    from argon.cli.bench.rounds import Plan, measure
    from argon.cli.child_process import ended_by_exceptions

    with ended_by_exceptions(), measured_cluster(cluster, workers) as address:
        measured = measure(address, Plan(tasks=tasks, clients=clients, sleep_ms=sleep_ms, size_bytes=size))
    if json_output:
        print(json.dumps({"build": this_build().kind, **measured.as_dict()}), flush=True)
    else:
        print(this_build())
        show(measured)
    if measured.tally.error is not None:
        lacking = measured.failed + measured.rejected
        counted = f"{lacking} of {lacking + measured.completed} tasks did not complete"
        print(f"argon: {counted}; the first error: {sentence(measured.tally.error)}", file=sys.stderr)


@contextmanager
def measured_cluster(address: str | None, workers: int | None) -> Iterator[str]:
    """The address of the cluster to measure: the given one, or one that exists only here."""
    if address is not None:
        yield address
        return
    from argon.cli.child_process import ready_address, running

    with running(["cluster", "--port", "0"]) as cluster:
        own = ready_address(cluster.ready_line)
        size = [] if workers is None else ["--workers", str(workers)]
        with running(["node", "--manager", own, "--name", "bench", *size]):
            yield own


def show(measured: Measured) -> None:
    """Prints the numbers for people."""
    from argon.cli.terminal import show_table

    rows = [
        ("tasks a second", f"{measured.tasks_per_s:,}"),
        ("round trip, median", f"{measured.rt_p50_us:,} µs"),
        ("round trip, p99", f"{measured.rt_p99_us:,} µs"),
        ("completed, failed, rejected", f"{measured.completed:,}, {measured.failed:,}, {measured.rejected:,}"),
        ("clients, workers", f"{measured.plan.clients}, {measured.workers}"),
    ]
    if measured.efficiency is not None:
        rows.insert(3, ("share of the ideal", f"{measured.efficiency:.1%}"))
    show_table(rows)
