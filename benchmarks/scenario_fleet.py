"""A mixed fleet of real processes, routed by one rule after the other.

In: a plan. Out: rows of figures. Of five nodes, one is four times slower than the others, one has a tenth of their
workers, and one becomes ten times slower midway. The tasks are offered at 0.7 of what the fleet can do
when that one does almost nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

from argon import AsyncClient
from argon.cli.bench.open_loop import Sample, Submit, answered, drive
from argon.cli.bench.overload import LEAD_S
from argon.cli.child_process import ready_address, running
from argon.net.security import make_token
from argon.process.event_loop import run_on_own_loop
from benchmarks.fleet_tasks import SLOWED_TIMES, fleet_nap
from benchmarks.routed_cluster import rules
from benchmarks.scenario import Plan, Row, at_random, row, submits
from benchmarks.stack import ROOT

TASK_S = 0.04
LOAD = 0.7
WARM_S, HALF_S = 3.0, 10.0
LAST_ANSWERS_S = 3.0
SLOW_TIMES = 4.0
NODES = {"one": (10, 1.0), "two": (10, 1.0), "slow": (10, SLOW_TIMES), "small": (1, 1.0), "slowed": (10, 1.0)}
"""The workers of each node, and how many times as long everything takes there."""


def capacity_per_s(slowed: bool) -> float:
    """How many tasks a second the fleet can do."""
    paces = {name: pace * (SLOWED_TIMES if slowed and name == "slowed" else 1.0) for name, (_, pace) in NODES.items()}
    return sum(workers / (TASK_S * paces[name]) for name, (workers, _) in NODES.items())


def mixed_fleet(plan: Plan) -> list[Row]:
    """Every rule that there is, each on a fleet of its own."""
    rows: list[Row] = []
    for rule in rules():
        with fleet(rule) as (address, token, slowed_file):
            rows += run_on_own_loop(measured(address, token, slowed_file, rule, plan))
    return rows


@contextmanager
def fleet(rule: str) -> Iterator[tuple[str, str, Path]]:
    """A cluster with this rule and its nodes; yields its address, its token, and the file that slows a node down."""
    token = make_token()
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with ExitStack() as life:
        slowed_file = Path(life.enter_context(tempfile.TemporaryDirectory(prefix="fleet-"))) / "slowed"
        environment = {"ARGON_TOKEN": token, "PYTHONPATH": path}
        command = [sys.executable, "-m", "benchmarks.routed_cluster"]
        address = ready_address(life.enter_context(running([rule], command, environment)).ready_line)
        for name, (workers, pace) in NODES.items():
            options = ["--workers", str(workers), "--name", name, "--include", str(ROOT)]
            own = {"FLEET_PACE": str(pace), **({"FLEET_SLOWED_FILE": str(slowed_file)} if name == "slowed" else {})}
            life.enter_context(running(["node", "--manager", address, *options], environment={**environment, **own}))
        yield address, token, slowed_file


async def measured(address: str, token: str, slowed_file: Path, rule: str, plan: Plan) -> list[Row]:
    per_s, half_s = LOAD * capacity_per_s(slowed=True), plan.seconds(HALF_S)
    async with AsyncClient(address, token=token) as client:
        submit = submits(client.with_options(retries=0), fleet_nap)
        await drive(at_random(monotonic(), per_s, WARM_S, TASK_S), submit)
        before = await half(submit, per_s, half_s)
        slow_down(slowed_file)
        after = await half(submit, per_s, half_s)
    return [row(before, rule=rule, slowed="before"), row(after, rule=rule, slowed="after")]


def slow_down(file: Path) -> None:
    """The node that looks at this file does so at each of its tasks."""
    file.touch()


async def half(submit: Submit, per_s: float, for_s: float) -> list[Sample]:
    samples = at_random(monotonic() + LEAD_S, per_s, for_s, TASK_S)
    await drive(samples, submit)
    await answered(samples, LAST_ANSWERS_S)
    return samples
