"""The measurement of `argon bench --overload`: a calm, a spike, and a calm again, of which the last shows the recovery.

In: the address of a cluster and a plan; or, for other systems, any way to submit a task. Out: figures for each factor.
Nothing here starts or stops a process, or prints.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import cycle
from time import monotonic
from typing import Any

from argon.cli.bench.load_figures import (
    PhaseFigures,
    Recovery,
    answer_times_s,
    completed_per_s,
    late_after_s,
    percentile_ms,
    phase_figures,
    recovery,
)
from argon.cli.bench.open_loop import TICK_S, Ending, Sample, Submit, answered, drive, schedule
from argon.cli.bench.task_times import Distribution, task_times
from argon.cli.bench.tasks import nap
from argon.client.async_client import AsyncClient
from argon.errors import Rejected, TaskExpired
from argon.process.event_loop import run_on_own_loop

CALM_FACTOR = 0.5
LAST_ANSWERS_S = 5.0
"""How long the last answers are waited for."""
SLICE_S = 0.5
"""The calm after the spike is offered in slices; after each is asked whether all is well again."""
LEAD_S = 0.05
WARM_UP_S = 1.0
WARM_UP_AHEAD = 2
"""So many tasks for each worker are under way while it warms up."""


@dataclass(frozen=True)
class OverloadPlan:
    """What is offered, and what counts as good.

    Attributes:
        factors: the spike's rate in capacities, one run for each.
        sleep_ms: how long a task sleeps on average.
        slo_ms: an answer after that is worth nothing.
        timeout_ms: the tasks' own; None for none.
        recovery_limit_s: how long after the spike it may take until all is well.
    """

    factors: tuple[float, ...] = (2.0, 5.0, 10.0)
    sleep_ms: int = 20
    calm_s: float = 5.0
    spike_s: float = 10.0
    slo_ms: int = 500
    timeout_ms: int | None = None
    clients: int = 1
    size_bytes: int = 0
    distribution: Distribution = Distribution.CONSTANT
    recovery_limit_s: float = 30.0

    @property
    def task_s(self) -> float:
        return self.sleep_ms / 1000

    def capacity_per_s(self, workers: int) -> float:
        """How many tasks a second so many workers can do at most."""
        return workers / self.task_s


@dataclass(frozen=True)
class FactorFigures:
    """What one factor did.

    Attributes:
        offered_per_s: in the spike, as it was really submitted.
        goodput, throughput: completions a second during the spike ÷ capacity: those within the SLO, and all.
        reject_p50_ms, reject_p99_ms: how long a caller waited for a reject of the cluster's; the client's own come at
            once.
        recovery_s, recovered: how long after the spike tasks did not complete or were late, and whether that was over
            when the run ended.
        late_ms: what late means.
        lag_p99_ms: how late the tasks of the spike were submitted.
    """

    factor: float
    offered_per_s: float
    goodput: float
    throughput: float
    reject_p50_ms: float | None
    reject_p99_ms: float | None
    recovery_s: float
    recovered: bool
    late_ms: float
    lag_p99_ms: float | None
    calm: PhaseFigures
    spike: PhaseFigures
    after: PhaseFigures


@dataclass(frozen=True)
class Overloaded:
    """The whole measurement.

    Attributes:
        efficiency: the share of their time that the workers slept, before it began, when they had always a task.
    """

    plan: OverloadPlan
    workers: int
    efficiency: float
    factors: tuple[FactorFigures, ...]

    @property
    def capacity_per_s(self) -> float:
        return self.plan.capacity_per_s(self.workers)

    def as_dict(self) -> dict[str, Any]:
        plan = {**asdict(self.plan), "factors": list(self.plan.factors)}
        return {
            **plan,
            "workers": self.workers,
            "capacity_per_s": round(self.capacity_per_s, 1),
            "efficiency": round(self.efficiency, 3),
            "factors": [asdict(factor) for factor in self.factors],
        }


def measure(address: str, plan: OverloadPlan, advance: Callable[[int], None]) -> Overloaded:
    """Runs the whole measurement, on the event loop that the roles run on; advances by one for each factor."""
    measured: Overloaded = run_on_own_loop(measured_by_clients(address, plan, advance))
    return measured


async def measured_by_clients(address: str, plan: OverloadPlan, advance: Callable[[int], None]) -> Overloaded:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(address, connect_timeout=None)) for _ in range(plan.clients)
        ]
        workers = sum(node["workers"] for node in (await clients[0].status())["nodes"])
        if not workers:
            raise ValueError(f"the cluster at {address} has no workers; start a node: argon node --cluster {address}")
        submit = submitter(clients, plan)
        efficiency = await warm_up(submit, workers, plan)
        factors = []
        for factor in plan.factors:
            factors.append(await measured_factor(submit, workers, factor, plan))
            advance(1)
    return Overloaded(plan, workers, efficiency, tuple(factors))


async def warm_up(submit: Submit, workers: int, plan: OverloadPlan) -> float:
    """Keeps all workers busy for about a second with tasks of the mean length; returns the share that they slept."""
    begin_s = monotonic()
    completed = 0
    under_way: list[Sample] = []
    stop_s = begin_s + WARM_UP_S
    while monotonic() < stop_s or (under_way and monotonic() < stop_s + WARM_UP_AHEAD * plan.task_s + LAST_ANSWERS_S):
        completed += sum(sample.ending is Ending.COMPLETED for sample in under_way)
        under_way = [sample for sample in under_way if sample.ending is Ending.UNANSWERED]
        if monotonic() < stop_s:
            more = [Sample(monotonic(), plan.task_s) for _ in range(WARM_UP_AHEAD * workers - len(under_way))]
            await drive(more, submit)
            under_way += more
        await asyncio.sleep(TICK_S)
    return completed * plan.task_s / workers / (monotonic() - begin_s)


def submitter(clients: Sequence[AsyncClient], plan: OverloadPlan) -> Submit:
    """What submits one task, by the clients in turn. It is not retried, so that every reject is seen."""
    timeout = None if plan.timeout_ms is None else plan.timeout_ms / 1000
    turns = cycle([client.with_options(retries=0, timeout=timeout) for client in clients])
    payload = os.urandom(plan.size_bytes)

    def submit(sample: Sample) -> None:
        note_answer(next(turns).submit(nap, sample.task_s, payload), sample)

    return submit


def note_answer(future: asyncio.Future[Any], sample: Sample) -> None:
    """Ends the sample when the future does. What has its answer already was not sent: its client rejected it."""
    if future.done():
        end_by(future, sample, Ending.REJECTED_BY_CLIENT)
    else:
        future.add_done_callback(lambda done: end_by(done, sample, Ending.REJECTED))


def end_by(future: asyncio.Future[Any], sample: Sample, if_rejected: Ending) -> None:
    """Ends the sample as the future has ended."""
    error = None if future.cancelled() else future.exception()
    if isinstance(error, Rejected):
        sample.end(if_rejected, str(error.reason))
    elif isinstance(error, TaskExpired):
        sample.end(Ending.EXPIRED, f"expired, may have run: {error.may_have_run}")
    elif error is not None or future.cancelled():
        sample.end(Ending.FAILED, type(error).__name__ if error is not None else "cancelled")
    else:
        sample.end(Ending.COMPLETED)


async def measured_factor(submit: Submit, workers: int, factor: float, plan: OverloadPlan) -> FactorFigures:
    """One calm, one spike and the calm after it."""
    times = task_times(plan.distribution, plan.task_s)
    capacity_per_s = plan.capacity_per_s(workers)
    calm_per_s = CALM_FACTOR * capacity_per_s
    begin_s = monotonic() + LEAD_S
    spike_begin_s = begin_s + plan.calm_s
    spike_end_s = spike_begin_s + plan.spike_s
    calm = schedule(begin_s, calm_per_s, plan.calm_s, times)
    spike = schedule(spike_begin_s, factor * capacity_per_s, plan.spike_s, times)
    gc.collect()
    gc.freeze()  # so that no collection looks at so many samples in the middle of it
    try:
        await drive(calm, submit)
        await drive(spike, submit)
        late_s = late_after_s(calm, plan.task_s)
        after: list[Sample] = []
        recovered = Recovery(0.0, False)
        while not recovered.over and monotonic() < spike_end_s + plan.recovery_limit_s:
            part = schedule(spike_end_s + len(after) / calm_per_s, calm_per_s, SLICE_S, times)
            after += part
            await drive(part, submit)
            recovered = recovery(after, spike_end_s, late_s, plan.task_s, monotonic())
        await answered([*calm, *spike, *after], LAST_ANSWERS_S)
        recovered = recovery(after, spike_end_s, late_s, plan.task_s, monotonic())
    finally:
        gc.unfreeze()
    return factor_figures(factor, capacity_per_s, plan, calm, spike, after, recovered, late_s)


def factor_figures(
    factor: float,
    capacity_per_s: float,
    plan: OverloadPlan,
    calm: Sequence[Sample],
    spike: Sequence[Sample],
    after: Sequence[Sample],
    recovered: Recovery,
    late_s: float,
) -> FactorFigures:
    """The figures of one factor, from its samples. The spike lasts from its first task to the first after it."""
    everything = [*calm, *spike, *after]
    begin_s, end_s = spike[0].sent_s, after[0].sent_s
    rejects_s = answer_times_s(spike, Ending.REJECTED)
    return FactorFigures(
        factor=factor,
        offered_per_s=round(len(spike) / (end_s - begin_s), 1),
        goodput=round(completed_per_s(everything, begin_s, end_s, plan.slo_ms / 1000) / capacity_per_s, 3),
        throughput=round(completed_per_s(everything, begin_s, end_s) / capacity_per_s, 3),
        reject_p50_ms=percentile_ms(rejects_s, 50),
        reject_p99_ms=percentile_ms(rejects_s, 99),
        recovery_s=round(recovered.after_s, 2),
        recovered=recovered.over,
        late_ms=round(late_s * 1000, 3),
        lag_p99_ms=percentile_ms((sample.lag_s for sample in spike), 99),
        calm=phase_figures(calm),
        spike=phase_figures(spike),
        after=phase_figures(after),
    )
