"""`python -m benchmarks.prediction`: whether `argon simulate` tells the truth, beside a real cluster on this machine.

In: a fleet and a load. Out: one table, how long the same tasks took in real processes and in virtual time. Tasks sleep,
so that a machine with few cores can have many workers; what a lone task takes beyond its sleep is measured first, and
is the network of the simulation.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random

from rich import box
from rich.console import Console
from rich.table import Table

from argon import AsyncClient
from argon.cli.child_process import ended_by_exceptions, ready_address, running
from argon.net.security import make_token
from argon.planning.engine import Circumstances, simulate
from argon.planning.node_plan import NodePlan, capacity_per_s, parse_nodes
from argon.planning.result import Percentiles, percentiles
from argon.planning.rules import ARGON
from argon.planning.service import Exponential
from argon.planning.workload import Mix, Workload, random_workload
from argon.process.event_loop import run_on_own_loop
from benchmarks.crowd import ROOT
from benchmarks.tasks import SPEED_VARIABLE, nap_at_speed

LONE_TASKS = 50
WAYS = 4
"""Of a task over the network: to the cluster, to the node, and back."""

LIMIT_S = 300.0


async def live(address: str, token: str, work: Workload, fleet: Sequence[NodePlan], mean_s: float) -> list[float]:
    """How long a lone task takes beyond its sleep, and then each task of the workload in real time."""
    async with AsyncClient(address, token=token) as client:

        async def took_s(seconds: float) -> float:
            begin_s = time.perf_counter()
            await client.run(nap_at_speed, seconds)
            return time.perf_counter() - begin_s

        fastest = max(plan.speed for plan in fleet)
        lone = [await took_s(mean_s) - mean_s / fastest for _ in range(LONE_TASKS)]
        begin_s = time.perf_counter()
        tasks = []
        for at_s, service_s in zip(work.at_s, work.service_s, strict=True):
            if (early_s := begin_s + at_s - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            tasks.append(asyncio.ensure_future(took_s(service_s)))
        return [statistics.median(lone), *await asyncio.gather(*tasks)]


def in_real_time(work: Workload, fleet: Sequence[NodePlan], mean_s: float) -> list[float]:
    """The same, on processes that are started for it and gone afterwards."""
    token = make_token()
    with ExitStack() as life:
        cluster = life.enter_context(running(["cluster", "--port", "0"], environment={"ARGON_TOKEN": token}))
        address = ready_address(cluster.ready_line)
        for number, plan in enumerate(fleet):
            options = ["--workers", str(plan.workers), "--name", f"node-{number}", "--include", str(ROOT)]
            environment = {"ARGON_TOKEN": token, SPEED_VARIABLE: str(plan.speed)}
            life.enter_context(running(["node", "--manager", address, *options], environment=environment))
        found: list[float] = run_on_own_loop(live(address, token, work, fleet, mean_s))
        return found


def in_virtual_time(work: Workload, fleet: Sequence[NodePlan], lone_s: float) -> list[float]:
    """How long each task takes in a simulation in which a lone task takes as long as a real one."""
    network = Circumstances(latency_s=max(0.0, lone_s) / WAYS, overhead_s=0.0, cluster_s=0.0)
    course = simulate(ARGON, fleet, work, network)
    return [ended_s - at_s for ended_s, at_s in zip(course.ended_s, work.at_s, strict=True)]


def table(real: Sequence[float], virtual: Sequence[float]) -> Table:
    """Both, and how far apart they are."""
    shown = Table("total time of a task, ms", box=box.SIMPLE_HEAD)
    for column in ("real", "simulated", "simulated ÷ real"):
        shown.add_column(column, justify="right")
    lived, told = percentiles(list(real)), percentiles(list(virtual))
    assert lived is not None
    assert told is not None
    for name in Percentiles.__annotations__:
        one, other = getattr(lived, name), getattr(told, name)
        shown.add_row(name, f"{1000 * one:.2f}", f"{1000 * other:.2f}", f"{other / one:.2f}")
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, lives, simulates, prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prediction", description=__doc__)
    parser.add_argument("--node", action="append", help="as of argon simulate; two of four workers by default")
    parser.add_argument("--tasks", type=int, default=4000)
    parser.add_argument("--service-ms", type=float, default=20.0, help="the mean; service times are exponential")
    parser.add_argument("--load", type=float, default=0.7)
    asked = parser.parse_args(arguments)
    fleet = [plan for text in asked.node or ["2x4"] for plan in parse_nodes(text)]
    mean_s = asked.service_ms / 1000
    work = random_workload(
        asked.tasks, asked.load * capacity_per_s(fleet, mean_s, 0.0), Mix(Exponential(mean_s)), Random(1)
    )
    with ended_by_exceptions(time_limit_s=LIMIT_S):
        lone_s, *real = in_real_time(work, fleet, mean_s)
        virtual = in_virtual_time(work, fleet, lone_s)
    console = Console(highlight=False)
    console.print(f"A lone task takes {1000 * lone_s:.2f} ms longer than it sleeps.")
    console.print(table(real, virtual))


if __name__ == "__main__":
    main()
