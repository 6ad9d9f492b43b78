"""Scenarios of clients that are in each other's way: a flooder, a storm of retries, long tasks beside short ones, and
priorities.

In: a plan. Out: rows of figures. Each run has a cluster of its own, with eight workers, as `argon cluster` and `argon
node` start it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle, repeat
from random import Random
from time import monotonic

from argon import AsyncClient, Priority
from argon.cli.bench.load_figures import QUIET_S, late_after_s
from argon.cli.bench.open_loop import Ending, Sample, answered, drive, schedule
from argon.cli.bench.overload import LEAD_S, OverloadPlan, measured_factor, submitter, warm_up
from argon.cli.bench.overload_tables import recovery_text
from argon.cli.bench.task_times import Distribution
from argon.process.event_loop import run_on_own_loop
from benchmarks.scenario import CAPACITY_PER_S, TASK_S, WORKERS, Plan, Row, at_random, row, submits
from benchmarks.stack import Stack
from benchmarks.tasks import long_nap, nap

RETRIES: dict[str, int | None] = {"retries=0": 0, "retrying": None}
POLITE_SHARE, FLOOD_FACTOR, BESIDE_S = 0.2, 10.0, 10.0
STORM_CLIENTS, STORM_FACTOR, STORM_S, STORM_CALM_FACTOR, STORM_CALM_S, STORM_AFTER_S = 200, 5.0, 20.0, 0.7, 5.0, 30.0
STORM_TIMEOUT_S = 1.0
SHORT_S, LONG_S, LONG_SHARE, BIMODAL_LOAD, BIMODAL_S = 0.001, 0.1, 0.05, 0.7, 15.0
MAX_FACTOR, MIN_SHARE, PRIORITIES_S = 2.0, 0.05, 15.0
LAST_ANSWERS_S = 2.0


class Site:
    """A cluster of eight workers, and clients of it."""

    def __init__(self, stack: Stack, life: AsyncExitStack) -> None:
        self._stack = stack
        self._life = life

    async def client(self) -> AsyncClient:
        return await self._life.enter_async_context(AsyncClient(self._stack.address, token=self._stack.token))


def on_a_site(scenario: Callable[[Site], Awaitable[list[Row]]]) -> list[Row]:
    """Runs one scenario on a cluster of its own; what its clients still wait for when it returns is cancelled.

    No garbage is collected meanwhile: looking through tens of thousands of samples holds this process up for 50 ms,
    which would be taken for the cluster's.
    """

    async def run() -> list[Row]:
        async with AsyncExitStack() as life:
            site = Site(stack, life)
            await warm_up(submitter([await site.client()], OverloadPlan()), WORKERS, OverloadPlan())
            return await scenario(site)

    with Stack(workers=WORKERS) as stack:
        gc.disable()
        try:
            rows: list[Row] = run_on_own_loop(run())
        finally:
            gc.enable()
        return rows


# ---- a flooder beside a polite client --------------------------------------------------------------------------------


def flooder(plan: Plan) -> list[Row]:
    """A client that uses a fifth of the capacity: alone, and beside one that asks for ten times of all."""
    rows: list[Row] = []
    for polite_retries in RETRIES:
        rows += on_a_site(partial(alone, plan, polite_retries))
        for retries in RETRIES:
            rows += on_a_site(partial(beside, plan, polite_retries, retries))
    return rows


async def alone(plan: Plan, polite_retries: str, site: Site) -> list[Row]:
    polite = at_random(monotonic() + LEAD_S, POLITE_SHARE * CAPACITY_PER_S, plan.seconds(BESIDE_S))
    await drive(polite, submits((await site.client()).with_options(retries=RETRIES[polite_retries])))
    await answered(polite, LAST_ANSWERS_S)
    return [row(polite, client=f"polite, {polite_retries}", beside="nobody")]


async def beside(plan: Plan, polite_retries: str, retries: str, site: Site) -> list[Row]:
    begin_s, for_s = monotonic() + LEAD_S, plan.seconds(BESIDE_S)
    polite = at_random(begin_s, POLITE_SHARE * CAPACITY_PER_S, for_s)
    flood = schedule(begin_s, FLOOD_FACTOR * CAPACITY_PER_S, for_s, repeat(TASK_S))
    await asyncio.gather(
        drive(polite, submits((await site.client()).with_options(retries=RETRIES[polite_retries]))),
        drive(flood, submits((await site.client()).with_options(retries=RETRIES[retries]))),
    )
    await answered(polite, LAST_ANSWERS_S)
    names = f"polite, {polite_retries}", f"flooder, {retries}"
    return [row(polite, client=names[0], beside=names[1]), row(flood, client=names[1], beside=names[0])]


# ---- a storm of retries ----------------------------------------------------------------------------------------------


def storm(plan: Plan) -> list[Row]:
    """Two hundred clients that retry as they do by default, at five times the capacity, then at 0.7 of it."""
    rows: list[Row] = []
    for timeout_s in (STORM_TIMEOUT_S, None):
        rows += on_a_site(partial(stormed, plan, timeout_s))
    return rows


async def stormed(plan: Plan, timeout_s: float | None, site: Site) -> list[Row]:
    clients = [await site.client() for _ in range(STORM_CLIENTS)]
    turns = cycle([submits(client.with_options(timeout=timeout_s)) for client in clients])
    calm_per_s = STORM_CALM_FACTOR * CAPACITY_PER_S
    calm_s, storm_s, after_s = (plan.seconds(usual_s) for usual_s in (STORM_CALM_S, STORM_S, STORM_AFTER_S))
    storm_begin_s = monotonic() + LEAD_S + calm_s
    storm_end_s = storm_begin_s + storm_s
    calm = at_random(storm_begin_s - calm_s, calm_per_s, calm_s)
    during = at_random(storm_begin_s, STORM_FACTOR * CAPACITY_PER_S, storm_s)
    after = at_random(storm_end_s, calm_per_s, after_s)
    await drive([*calm, *during, *after], lambda sample: next(turns)(sample))
    await answered(after, LAST_ANSWERS_S)
    back_s = calm_again_s(after, storm_end_s, late_after_s(calm, TASK_S))
    timeout = "none" if timeout_s is None else f"{timeout_s:g} s"
    told = f"over {after_s:g}" if back_s is None else round(back_s, 2)
    return [
        row(calm, timeout=timeout, phase="calm", calm_again_s=None),
        row(during, timeout=timeout, phase="storm", calm_again_s=None),
        row(after, timeout=timeout, phase="after", calm_again_s=told),
    ]


def calm_again_s(after: Sequence[Sample], begin_s: float, late_s: float) -> float | None:
    """How long after the storm a task was late or not done, until none was so for two seconds; None if that never
    came. This is what recovery means in all measurements of overload."""
    last_s = begin_s
    for sample in after:
        if sample.sent_s - last_s >= QUIET_S:
            return last_s - begin_s
        if sample.ending is not Ending.COMPLETED or sample.answer_s > late_s:
            last_s = sample.sent_s
    return None


# ---- short tasks beside long ones ------------------------------------------------------------------------------------


def bimodal(plan: Plan) -> list[Row]:
    """Tasks of 1 ms beside a few of 100 ms, as two functions, at 0.7 of what the workers can do."""
    rows: list[Row] = []
    for apart in (False, True):
        rows += on_a_site(partial(short_beside_long, plan, apart))
    return rows


async def short_beside_long(plan: Plan, apart: bool, site: Site) -> list[Row]:
    mean_s = (1 - LONG_SHARE) * SHORT_S + LONG_SHARE * LONG_S
    both = at_random(monotonic() + LEAD_S, BIMODAL_LOAD * WORKERS / mean_s, plan.seconds(BIMODAL_S), SHORT_S)
    rng = Random(1)
    for sample in both:
        if rng.random() < LONG_SHARE:
            sample.task_s = LONG_S
    one = await site.client()
    short, long = submits(one, nap), submits(await site.client() if apart else one, long_nap)
    await drive(both, lambda sample: (short if sample.task_s == SHORT_S else long)(sample))
    await answered(both, LAST_ANSWERS_S)
    clients = "two clients" if apart else "one client"
    parts = (("short", SHORT_S), ("long", LONG_S))
    return [row([one for one in both if one.task_s == task_s], of=clients, tasks=name) for name, task_s in parts]


# ---- priorities ------------------------------------------------------------------------------------------------------


def priorities(plan: Plan) -> list[Row]:
    """Tasks of the lowest priority while those of the highest alone are twice what the workers can do."""
    rows: list[Row] = []
    for same in (False, True):
        rows += on_a_site(partial(lowest_beside_highest, plan, same))
    return rows


async def lowest_beside_highest(plan: Plan, same: bool, site: Site) -> list[Row]:
    begin_s, for_s = monotonic() + LEAD_S, plan.seconds(PRIORITIES_S)
    flood = schedule(begin_s, MAX_FACTOR * CAPACITY_PER_S, for_s, repeat(TASK_S))
    lowest = at_random(begin_s, MIN_SHARE * CAPACITY_PER_S, for_s)
    flooding = await site.client()
    other = flooding if same else await site.client()
    await asyncio.gather(
        drive(flood, submits(flooding.with_options(priority=Priority.MAX))),
        drive(lowest, submits(other.with_options(priority=Priority.MIN))),
    )
    of = "one client" if same else "two clients"
    now = monotonic()
    waiting_s = [now - sample.sent_s for sample in lowest if sample.ending is Ending.UNANSWERED]
    longest_s = round(max(waiting_s), 2) if waiting_s else None
    return [
        row(lowest, of=of, priority="MIN", longest_unanswered_s=longest_s),
        row(flood, of=of, priority="MAX", longest_unanswered_s=None),
    ]


# ---- heavy tails -----------------------------------------------------------------------------------------------------


def tails(plan: Plan) -> list[Row]:
    """Ten times the capacity, of tasks of which a few are very long."""
    rows: list[Row] = []
    for distribution in (Distribution.CONSTANT, Distribution.LOGNORMAL, Distribution.PARETO):
        overload = OverloadPlan(calm_s=plan.seconds(5.0), spike_s=plan.seconds(10.0), distribution=distribution)
        rows += on_a_site(partial(tail, overload))
    return rows


async def tail(overload: OverloadPlan, site: Site) -> list[Row]:
    submit = submitter([await site.client()], overload)
    figures = await measured_factor(submit, WORKERS, FLOOD_FACTOR, overload)
    return [
        {
            "tasks": str(overload.distribution),
            "goodput": figures.goodput,
            "throughput": figures.throughput,
            "calm_p99_ms": figures.calm.p99_ms,
            "spike_p50_ms": figures.spike.p50_ms,
            "spike_p99_ms": figures.spike.p99_ms,
            "rejected": figures.spike.rejected + figures.spike.rejected_by_client,
            "recovery": recovery_text(figures),
            "lag_p99_ms": figures.lag_p99_ms,
        }
    ]
