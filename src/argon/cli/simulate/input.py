"""What `argon simulate` is asked, turned into a fleet and a workload.

In: the values of options, a trace file, or the numbers of a running cluster. Out: a fleet and a workload, or a
ValueError with one sentence. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argon.cli.arguments import bad_value, parse_priority

if TYPE_CHECKING:
    from argon.planning.node_plan import NodePlan
    from argon.planning.workload import Workload
    from argon.settings import Priority

DEFAULT_NODES, DEFAULT_WORKERS = 4, 8
DEFAULT_TASKS = 20_000
DEFAULT_LOAD = 0.7
DEFAULT_SERVICE, DEFAULT_SERVICE_MS = "exponential", 10.0


@dataclass
class Demand:
    """The options that describe the tasks; None where one was not given."""

    tasks: int | None = None
    load: float | None = None
    rate: float | None = None
    burst: float | None = None
    burst_s: float | None = None
    service: str | None = None
    service_ms: float | None = None
    clients: int | None = None
    greedy: int | None = None
    priorities: str | None = None


def chosen_rules(rule: str | None, compare: bool) -> Sequence[str]:
    """The rules to run; in what is typed, hyphens may stand for the spaces of a name."""
    from argon.planning.rules import ARGON, RULES

    if compare:
        return RULES
    if rule is None:
        return [ARGON]
    name = rule.replace("-", " ")
    if name not in RULES:
        raise bad_value("--rule", f"must be one of {', '.join(name.replace(' ', '-') for name in RULES)}", rule)
    return [name]


def given_fleet(node: Sequence[str], nodes: int | None, workers: int | None) -> list[NodePlan]:
    """The nodes that were described one by one, or that are all equal."""
    from argon.planning.node_plan import MAX_NODES, NodePlan, parse_nodes

    fleet = [plan for text in node for plan in parse_nodes(text)]
    if len(fleet) > MAX_NODES:
        raise bad_value("--node", f"must be at most {MAX_NODES:,} nodes in all", len(fleet))
    return fleet or [NodePlan(workers or DEFAULT_WORKERS)] * (nodes or DEFAULT_NODES)


def measured_cluster(address: str) -> tuple[list[NodePlan], float, int]:
    """The fleet, the mean service time in milliseconds and the queue limit of a running cluster."""
    from argon.client.client import Client
    from argon.planning.measured import measured_fleet

    with Client(address, connect_timeout=None) as client:
        numbers = client.status()
    fleet, mean_s = measured_fleet(numbers)
    return fleet, 1000 * mean_s, numbers["queue_limit"]


def workload(asked: Demand, trace: Path | None, fleet: Sequence[NodePlan], overhead_s: float, seed: int) -> Workload:
    """The tasks of the trace, or random ones at a rate that is given or follows from the load."""
    from random import Random

    from argon.planning.node_plan import capacity_per_s
    from argon.planning.service import parse_service
    from argon.planning.trace import read_trace
    from argon.planning.workload import Burst, Mix, random_workload, traced_workload

    if trace is not None:
        with trace.open(encoding="utf-8") as lines:
            return traced_workload(read_trace(lines))
    service = parse_service(asked.service or DEFAULT_SERVICE, (asked.service_ms or DEFAULT_SERVICE_MS) / 1000)
    rate_per_s = asked.rate or (asked.load or DEFAULT_LOAD) * capacity_per_s(fleet, service.mean_s, overhead_s)
    burst = Burst(asked.burst, asked.burst_s) if asked.burst and asked.burst_s else None
    mix = Mix(service, asked.clients or 1, parse_mix(asked.priorities or "NORMAL=1"), asked.greedy or 0)
    return random_workload(asked.tasks or DEFAULT_TASKS, rate_per_s, mix, Random(seed), burst)


def parse_mix(text: str) -> list[tuple[Priority, float]]:
    """Reads weights of priorities, such as HIGH=1,NORMAL=9."""
    found: dict[Priority, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        priority = parse_priority(name.strip())
        try:
            found[priority] = float(weight)
        except ValueError:
            found[priority] = 0.0
        if not 0 < found[priority] < 1e9:
            raise bad_value("--priorities", "must be PRIORITY=WEIGHT,..., such as HIGH=1,NORMAL=9", text)
    return list(found.items())
