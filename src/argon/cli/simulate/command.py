"""`argon simulate`: what a fleet would do under a load, found by running Argon's own scheduling in virtual time.

In: a fleet, a workload, and what the network and the cluster are like. Out: a table or JSON, and on request a picture.
Nothing is started and nothing is waited for; only `--measured` asks a running cluster for its numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from argon.cli.arguments import (
    DebugOption,
    RetriesOption,
    address_option,
    number,
    parse_queue_target,
    whole_number,
)
from argon.cli.simulate.input import (
    DEFAULT_LOAD,
    DEFAULT_NODES,
    DEFAULT_SERVICE_MS,
    DEFAULT_TASKS,
    DEFAULT_WORKERS,
)
from argon.cli.status import JsonOption
from argon.planning.node_plan import MAX_NODES
from argon.planning.workload import MAX_CLIENTS, MAX_TASKS
from argon.settings import CLIENT_LIMIT, MAX_WORKERS, QUEUE_LIMIT, check_queue_target

EXAMPLE = """\b
Examples:
  argon simulate --nodes 10 --workers 8 --load 0.9 --service lognormal:1.5
  argon simulate --node 8 --node 8@0.25 --node 8@1:0.1@5 --compare --plot rules.png
  argon simulate --burst 3 --burst-s 1 --timeout-ms 500 --tasks 100000 --json
  argon simulate --trace yesterday.csv --nodes 4 --workers 16
"""

NodeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--node",
        metavar="NODE",
        help="A node: [COUNTx]WORKERS[@SPEED[:LATER@SECONDS]]. 100x8@0.5 is a hundred nodes of eight workers at half "
        "the speed; 8@1:0.1@30 is one that is ten times slower from second 30 on. May be repeated.",
    ),
]
NodesOption = Annotated[
    int | None,
    typer.Option(
        "--nodes",
        metavar="N",
        parser=whole_number("--nodes", 1, MAX_NODES),
        help=f"How many equal nodes there are, {DEFAULT_NODES} by default.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        parser=whole_number("--workers", 1, MAX_WORKERS),
        help=f"How many workers each of them has, {DEFAULT_WORKERS} by default.",
    ),
]
MeasuredOption = Annotated[
    str | None,
    typer.Option(
        "--measured",
        metavar="HOST:PORT",
        parser=address_option("--measured"),
        help="Take nodes, speeds, mean service time and queue limit from a running cluster.",
    ),
]
TasksOption = Annotated[
    int | None,
    typer.Option(
        "--tasks",
        metavar="N",
        parser=whole_number("--tasks", 1, MAX_TASKS),
        help=f"How many tasks come, {DEFAULT_TASKS:,} by default.",
    ),
]
LoadOption = Annotated[
    float | None,
    typer.Option(
        "--load",
        metavar="SHARE",
        parser=number("--load", 0.001, 1000),
        help=f"The same as a share of what the fleet can do; {DEFAULT_LOAD} by default.",
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--rate", metavar="PER_S", parser=number("--rate", 1e-6, 1e9), help="How many tasks come in a second."
    ),
]
BurstOption = Annotated[
    float | None,
    typer.Option(
        "--burst",
        metavar="FACTOR",
        parser=number("--burst", 0.01, 1e6),
        help="Calm, a burst of so many times the rate, and twice as much calm as before it.",
    ),
]
BurstSecondsOption = Annotated[
    float | None,
    typer.Option("--burst-s", metavar="SECONDS", parser=number("--burst-s", 1e-3, 1e6), help="How long the burst is."),
]
TraceOption = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Tasks that really came: CSV with a heading, or JSON lines, of at_s, service_s, and if known client, "
        "priority, kind.",
    ),
]
ServiceOption = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="SHAPE",
        help="How service times are spread: constant, exponential (the default), lognormal:SIGMA, pareto:ALPHA, or "
        "bimodal:LONG_MS:SHARE_OF_LONG.",
    ),
]
ServiceMsOption = Annotated[
    float | None,
    typer.Option(
        "--service-ms",
        metavar="MS",
        parser=number("--service-ms", 0.001, 1e7),
        help=f"Their mean, at speed 1 ({DEFAULT_SERVICE_MS:g} by default); of a bimodal one, what the short ones take.",
    ),
]
ClientsOption = Annotated[
    int | None,
    typer.Option("--clients", metavar="N", parser=whole_number("--clients", 1, MAX_CLIENTS), help="How many clients."),
]
GreedyOption = Annotated[
    int | None,
    typer.Option(
        "--greedy",
        metavar="TASKS",
        parser=whole_number("--greedy", 1, MAX_TASKS),
        help="One more client hands over so many tasks at once at the start.",
    ),
]
PrioritiesOption = Annotated[
    str | None,
    typer.Option("--priorities", metavar="MIX", help="Weights of the priorities, such as HIGH=1,NORMAL=9."),
]
QueueLimitOption = Annotated[
    int | None,
    typer.Option(
        "--queue-limit",
        metavar="N",
        parser=whole_number("--queue-limit", 1, 10_000_000),
        help=f"As of `argon cluster`, {QUEUE_LIMIT} by default.",
    ),
]
QueueTargetOption = Annotated[
    Any,  # a number or a word
    typer.Option(
        "--queue-target-ms", metavar="MS", parser=parse_queue_target, help="As of `argon cluster`, auto by default."
    ),
]
ClientLimitOption = Annotated[
    int | None,
    typer.Option(
        "--client-limit",
        metavar="N",
        parser=whole_number("--client-limit", 1, 10_000_000),
        help="As of `argon cluster`, none by default.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout-ms", metavar="MS", parser=number("--timeout-ms", 0.1, 1e9), help="The timeout of each task."
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", metavar="N", parser=whole_number("--seed", 0), help="Another seed, another day.")
]
LatencyOption = Annotated[
    float,
    typer.Option("--latency-us", metavar="US", parser=number("--latency-us", 0, 1e7), help="The network, one way."),
]
OverheadOption = Annotated[
    float,
    typer.Option(
        "--overhead-us",
        metavar="US",
        parser=number("--overhead-us", 0, 1e7),
        help="What each task costs its worker beyond its own run time.",
    ),
]
ClusterCostOption = Annotated[
    float,
    typer.Option(
        "--cluster-us",
        metavar="US",
        parser=number("--cluster-us", 0, 1e6),
        help="What each message costs the cluster process; a task is two.",
    ),
]
RuleOption = Annotated[
    str | None,
    typer.Option(
        "--rule",
        metavar="RULE",
        help="How nodes are chosen: argon (the default), 'round robin', random, 'two choices', 'least loaded', "
        "original, or oracle.",
    ),
]
CompareOption = Annotated[bool, typer.Option("--compare", help="Run the same day under every rule.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw it, too; needs matplotlib.")]


def command(
    node: NodeOption = None,
    nodes: NodesOption = None,
    workers: WorkersOption = None,
    measured: MeasuredOption = None,
    tasks: TasksOption = None,
    rate: RateOption = None,
    load: LoadOption = None,
    burst: BurstOption = None,
    burst_s: BurstSecondsOption = None,
    trace: TraceOption = None,
    service: ServiceOption = None,
    service_ms: ServiceMsOption = None,
    clients: ClientsOption = None,
    greedy: GreedyOption = None,
    priorities: PrioritiesOption = None,
    queue_limit: QueueLimitOption = None,
    queue_target_ms: QueueTargetOption = "auto",
    client_limit: ClientLimitOption = None,
    timeout_ms: TimeoutOption = None,
    retries: RetriesOption = None,
    seed: SeedOption = 1,
    latency_us: LatencyOption = 100.0,
    overhead_us: OverheadOption = 70.0,
    cluster_us: ClusterCostOption = 2.0,
    rule: RuleOption = None,
    compare: CompareOption = False,
    plot: PlotOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Plan a fleet: run Argon's scheduling in virtual time.

    Tasks come at random moments, or as a trace says. The cluster, the nodes and the clients decide by the same code as
    real ones; only the network and the workers are imagined. Nothing is waited for: an hour of a busy fleet takes as
    long as its decisions do.
    """
    refuse_together(trace, "--trace", tasks=tasks, load=load, rate=rate, burst=burst, service=service)
    refuse_together(
        trace, "--trace", burst_s=burst_s, service_ms=service_ms, clients=clients, greedy=greedy, priorities=priorities
    )
    refuse_together(measured, "--measured", node=node, nodes=nodes, workers=workers, service_ms=service_ms)
    refuse_together(node, "--node", nodes=nodes, workers=workers)
    refuse_together(rate, "--rate", load=load)
    refuse_together(rule, "--rule", compare=compare or None)
    if (burst is None) != (burst_s is None):
        raise typer.BadParameter("--burst and --burst-s go together", param_hint="--burst")

    from rich.console import Console

    from argon.cli.arguments import refused_as_usage
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
    with Console(stderr=True).status("") as waiting:  # it shows only on a terminal
        for name in rules:
            waiting.update(f"living through {len(work):,} tasks: {name}")
            courses[name] = simulate(name, fleet, work, circumstances, seed)
    summaries = {name: summarise(fleet, work, course) for name, course in courses.items()}
    if json_output:
        print(json.dumps(as_dict(fleet, work, seed, summaries), indent=2), flush=True)
    else:
        show(fleet, work, seed, summaries)
    if plot is not None:
        draw(work, courses, plot)


def refuse_together(given: object, option: str, **others: object) -> None:
    """Options that would do nothing beside another are refused, since whoever gave them expects something."""
    for name, other in others.items():
        if given is not None and other is not None:
            raise typer.BadParameter(
                f"it cannot be given together with {option}", param_hint=f"--{name.replace('_', '-')}"
            )
