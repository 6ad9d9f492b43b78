"""`argon simulate`: what a fleet would do under a load, found by running Argon's own scheduling in virtual time.

In: a fleet, a workload, and what the network and the cluster are like. Out: a table or JSON, and on request a picture.
Nothing is started and nothing is waited for; only `--measured` asks a running cluster for its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argon.cli.arguments import (
    address_option,
    debug_option,
    json_option,
    number,
    parse_queue_target,
    refused_as_usage,
    retries_option,
    whole_number,
    words,
)
from argon.cli.simulate.input import (
    DEFAULT_LOAD,
    DEFAULT_NODES,
    DEFAULT_SERVICE_MS,
    DEFAULT_TASKS,
    DEFAULT_WORKERS,
)
from argon.planning.node_plan import MAX_NODES
from argon.planning.workload import MAX_CLIENTS, MAX_TASKS
from argon.settings import CLIENT_LIMIT, MAX_WORKERS, QUEUE_LIMIT, check_queue_target

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXAMPLE = """\b
Examples:
  argon simulate --nodes 10 --workers 8 --load 0.9 --service lognormal:1.5
  argon simulate --node 8 --node 8@0.25 --node 8@1:0.1@5 --compare --plot rules.png
  argon simulate --burst 3 --burst-s 1 --timeout-ms 500 --tasks 100000 --json
  argon simulate --trace yesterday.csv --nodes 4 --workers 16
"""


def rule_names(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """What `--rule` can be completed to."""
    from argon.planning.rules import RULES

    return words(*(name.replace(" ", "-") for name in RULES))(context, option, begun)


@click.command(epilog=EXAMPLE)
@click.option(
    "--node",
    metavar="NODE",
    multiple=True,
    help="A node, as [COUNTx]WORKERS[@SPEED[:LATER@SECONDS]]. 100x8@0.5: a hundred nodes of eight workers at half the "
    "speed. 8@1:0.1@30: one node that is ten times slower from second 30 on. May be given several times.",
)
@click.option(
    "--nodes",
    metavar="N",
    type=whole_number("--nodes", 1, MAX_NODES),
    help=f"Number of equal nodes, {DEFAULT_NODES} by default.",
)
@click.option(
    "--workers",
    metavar="N",
    type=whole_number("--workers", 1, MAX_WORKERS),
    help=f"Number of workers of each of them, {DEFAULT_WORKERS} by default.",
)
@click.option(
    "--measured",
    metavar="HOST:PORT",
    type=address_option("--measured"),
    help="Take the nodes, their speeds, the mean service time and the queue limit from a running cluster.",
)
@click.option(
    "--tasks",
    metavar="N",
    type=whole_number("--tasks", 1, MAX_TASKS),
    help=f"Number of tasks, {DEFAULT_TASKS:,} by default.",
)
@click.option("--rate", metavar="PER_S", type=number("--rate", 1e-6, 1e9), help="Number of tasks a second.")
@click.option(
    "--load",
    metavar="SHARE",
    type=number("--load", 0.001, 1000),
    help=f"The rate as a share of what the fleet can do, {DEFAULT_LOAD} by default. 1 is all that it can do.",
)
@click.option(
    "--burst",
    metavar="FACTOR",
    type=number("--burst", 0.01, 1e6),
    help="Add a burst at FACTOR times the rate. The calm after it is twice as long as the calm before it.",
)
@click.option("--burst-s", metavar="SECONDS", type=number("--burst-s", 1e-3, 1e6), help="Length of the burst.")
@click.option(
    "--trace",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Read the tasks from a file: CSV with a heading, or JSON lines, with at_s and service_s, and if known client, "
    "priority and kind (the name of the function).",
)
@click.option(
    "--service",
    metavar="SHAPE",
    shell_complete=words("constant", "exponential", "lognormal:1.5", "pareto:1.6", "bimodal:100:0.05"),
    help="Distribution of the service times: constant, exponential (the default), lognormal:SIGMA, pareto:ALPHA, or "
    "bimodal:LONG_MS:SHARE_OF_LONG.",
)
@click.option(
    "--service-ms",
    metavar="MS",
    type=number("--service-ms", 0.001, 1e7),
    help=f"Mean service time at speed 1, {DEFAULT_SERVICE_MS:g} by default. With bimodal: the service time of the "
    "short tasks.",
)
@click.option(
    "--clients",
    metavar="N",
    type=whole_number("--clients", 1, MAX_CLIENTS),
    help="Number of clients, 1 by default.",
)
@click.option(
    "--greedy",
    metavar="TASKS",
    type=whole_number("--greedy", 1, MAX_TASKS),
    help="Add one client that submits this many tasks at once at the start.",
)
@click.option(
    "--priorities", metavar="MIX", help="Weights of the priorities, such as HIGH=1,NORMAL=9; all NORMAL by default."
)
@click.option(
    "--queue-limit",
    metavar="N",
    type=whole_number("--queue-limit", 1, 10_000_000),
    help=f"As in `argon cluster`, {QUEUE_LIMIT} by default.",
)
@click.option(
    "--queue-target-ms",
    metavar="MS",
    type=parse_queue_target,
    default="auto",
    shell_complete=words("auto", "off"),
    help="As in `argon cluster`.",
)
@click.option(
    "--client-limit",
    metavar="N",
    type=whole_number("--client-limit", 1, 10_000_000),
    help="As in `argon cluster`, none by default.",
)
@click.option(
    "--timeout-ms",
    metavar="MS",
    type=number("--timeout-ms", 0.1, 1e9),
    help="Timeout of each task, none by default.",
)
@retries_option
@click.option(
    "--seed",
    metavar="N",
    type=whole_number("--seed", 0),
    default=1,
    help="Seed of the random numbers; equal seeds give equal results.",
)
@click.option(
    "--latency-us",
    metavar="US",
    type=number("--latency-us", 0, 1e7),
    default=100.0,
    help="Time that a message takes through the network, one way.",
)
@click.option(
    "--overhead-us",
    metavar="US",
    type=number("--overhead-us", 0, 1e7),
    default=70.0,
    help="Time that a worker needs for each task in addition to its service time.",
)
@click.option(
    "--cluster-us",
    metavar="US",
    type=number("--cluster-us", 0, 1e6),
    default=2.0,
    help="Time that the cluster process needs for each message; a task takes two messages.",
)
@click.option(
    "--rule",
    metavar="RULE",
    shell_complete=rule_names,
    help="The rule that chooses a node: argon (the default), random, round-robin, two-choices, least-loaded, "
    "original or oracle.",
)
@click.option("--compare", is_flag=True, help="Run the same tasks under every rule.")
@click.option(
    "--plot", metavar="FILE.png", type=click.Path(path_type=Path), help="Also draw a picture (needs matplotlib)."
)
@json_option
@debug_option
def command(
    node: Sequence[str],
    nodes: int | None,
    workers: int | None,
    measured: str | None,
    tasks: int | None,
    rate: float | None,
    load: float | None,
    burst: float | None,
    burst_s: float | None,
    trace: Path | None,
    service: str | None,
    service_ms: float | None,
    clients: int | None,
    greedy: int | None,
    priorities: str | None,
    queue_limit: int | None,
    queue_target_ms: float | str,
    client_limit: int | None,
    timeout_ms: float | None,
    retries: int | None,
    seed: int,
    latency_us: float,
    overhead_us: float,
    cluster_us: float,
    rule: str | None,
    compare: bool,
    plot: Path | None,
    json_output: bool,
) -> None:
    """Predict how a fleet handles a load, in virtual time.

    Tasks come at random moments, or at those of a trace. The cluster, the nodes and the clients run Argon's own
    scheduling code; only the network and the workers are simulated. Nothing waits for real time: an hour of a busy
    fleet takes as long as the scheduling decisions of that hour.
    """
    refuse_together(trace, "--trace", tasks=tasks, load=load, rate=rate, burst=burst, service=service)
    refuse_together(
        trace, "--trace", burst_s=burst_s, service_ms=service_ms, clients=clients, greedy=greedy, priorities=priorities
    )
    refuse_together(measured, "--measured", node=node or None, nodes=nodes, workers=workers, service_ms=service_ms)
    refuse_together(node or None, "--node", nodes=nodes, workers=workers)
    refuse_together(rate, "--rate", load=load)
    refuse_together(rule, "--rule", compare=compare or None)
    if (burst is None) != (burst_s is None):
        raise click.BadParameter("--burst and --burst-s go together", param_hint="--burst")

    from argon.cli.progress import status_on_terminal
    from argon.cli.simulate.input import Demand, chosen_rules, given_fleet, measured_cluster, workload
    from argon.cli.simulate.table import as_dict, show
    from argon.planning.engine import Circumstances, simulate
    from argon.planning.picture import check_drawable, draw
    from argon.planning.result import summarise

    if plot is not None:
        check_drawable(plot)
    asked = Demand(tasks, load, rate, burst, burst_s, service, service_ms, clients, greedy, priorities)
    with refused_as_usage():
        rules = chosen_rules(rule, compare)
        if measured is None:
            fleet = given_fleet(node, nodes, workers)
        else:
            fleet, asked.service_ms, limit = measured_cluster(measured)
            queue_limit = limit if queue_limit is None else queue_limit
        work = workload(asked, trace, fleet, overhead_us / 1e6, seed)
    circumstances = Circumstances(
        latency_us / 1e6,
        overhead_us / 1e6,
        cluster_us / 1e6,
        QUEUE_LIMIT if queue_limit is None else queue_limit,
        check_queue_target(queue_target_ms),
        CLIENT_LIMIT if client_limit is None else client_limit,
        None if timeout_ms is None else timeout_ms / 1000,
        retries,
    )
    courses = {}
    with status_on_terminal() as show_status:
        for name in rules:
            show_status(f"simulating {len(work):,} tasks: {name}")
            courses[name] = simulate(name, fleet, work, circumstances, seed)
    summaries = {name: summarise(fleet, work, course) for name, course in courses.items()}
    if json_output:
        print(json.dumps(as_dict(fleet, work, seed, summaries), indent=2), flush=True)
    else:
        show(fleet, work, seed, summaries)
    if plot is not None:
        draw(work, courses, plot)


def refuse_together(given: object, option: str, **others: object) -> None:
    """Options that would do nothing beside another are rejected, since whoever gave them expects something."""
    for name, other in others.items():
        if given is not None and other is not None:
            raise click.BadParameter(
                f"it cannot be given together with {option}", param_hint=f"--{name.replace('_', '-')}"
            )
