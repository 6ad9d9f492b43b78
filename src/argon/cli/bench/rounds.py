"""The measurement of `argon bench`.

In: the address of a cluster and a plan. Out: numbers. Nothing here starts or stops a process, or prints.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from argon.cli.bench.tasks import echo, nap, noop
from argon.client.async_client import AsyncClient
from argon.errors import Rejected
from argon.process.event_loop import run_on_own_loop

ROUNDS = 3
WARM_UP_TASKS = 3_000
ROUND_TRIPS = 1_000
PART_TASKS = 1_000
PART_BYTES = 32 << 20
"""How many tasks, and how many bytes of payload, are outstanding at most."""

Submit = Callable[[AsyncClient, int], "asyncio.Future[Any]"]


@dataclass(frozen=True)
class Plan:
    """What to measure: the number of tasks in a round, and what each is like."""

    tasks: int
    clients: int = 1
    sleep_ms: int = 0
    size_bytes: int = 0

    @property
    def part(self) -> int:
        """How many tasks one client submits at a time."""
        return max(1, min(PART_TASKS, PART_BYTES // max(1, self.size_bytes)))


@dataclass
class Tally:
    """How tasks ended, and the first error among them."""

    completed: int = 0
    failed: int = 0
    rejected: int = 0
    error: BaseException | None = None

    def count(self, outcomes: Sequence[object]) -> None:
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        rejected = sum(isinstance(error, Rejected) for error in errors)
        self.completed += len(outcomes) - len(errors)
        self.rejected += rejected
        self.failed += len(errors) - rejected
        if errors and self.error is None:
            self.error = errors[0]


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        efficiency: for tasks that sleep, the time that the workers needed at least ÷ the time it took; else None.
    """

    plan: Plan
    workers: int
    tasks_per_s: int
    rt_p50_us: int
    rt_p99_us: int
    tally: Tally = field(default_factory=Tally)

    @property
    def completed(self) -> int:
        return self.tally.completed

    @property
    def failed(self) -> int:
        return self.tally.failed

    @property
    def rejected(self) -> int:
        return self.tally.rejected

    @property
    def efficiency(self) -> float | None:
        if not self.plan.sleep_ms or not self.workers:
            return None
        return self.tasks_per_s * self.plan.sleep_ms / 1000 / self.workers

    def as_dict(self) -> dict[str, float | int]:
        numbers: dict[str, float | int] = {
            "tasks_per_s": self.tasks_per_s,
            "rt_p50_us": self.rt_p50_us,
            "rt_p99_us": self.rt_p99_us,
            "tasks": self.plan.tasks,
            "clients": self.plan.clients,
            "workers": self.workers,
            "completed": self.completed,
            "failed": self.failed,
            "rejected": self.rejected,
        }
        if self.plan.size_bytes:
            numbers["size_bytes"] = self.plan.size_bytes
        if self.efficiency is not None:
            numbers["sleep_ms"] = self.plan.sleep_ms
            numbers["efficiency"] = round(self.efficiency, 3)
        return numbers


def measure(address: str, plan: Plan) -> Measured:
    """Runs the whole measurement, on the event loop that the roles run on."""
    measured: Measured = run_on_own_loop(measured_by_clients(address, plan))
    return measured


async def measured_by_clients(address: str, plan: Plan) -> Measured:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(address, connect_timeout=None)) for _ in range(plan.clients)
        ]
        workers = sum(node["workers"] for node in (await clients[0].status())["nodes"])
        return await measured_rounds(clients, workers, plan)


async def measured_rounds(clients: Sequence[AsyncClient], workers: int, plan: Plan) -> Measured:
    """A warm-up, the rounds, and the round trips."""
    submit = submitter(plan)
    await one_round(clients, submit, min(plan.tasks, WARM_UP_TASKS), plan.part, Tally())
    tally = Tally()
    times = [await one_round(clients, submit, plan.tasks, plan.part, tally) for _ in range(ROUNDS)]
    trips = sorted(await round_trips(clients[0], submit, min(plan.tasks, ROUND_TRIPS)))
    return Measured(
        plan=plan,
        workers=workers,
        tasks_per_s=round(plan.tasks / statistics.median(times)),
        rt_p50_us=round(trips[len(trips) // 2] * 1e6),
        rt_p99_us=round(trips[len(trips) * 99 // 100] * 1e6),
        tally=tally,
    )


def submitter(plan: Plan) -> Submit:
    """What submits one task of the plan. The payload is made once: it is not what is measured."""
    payload = os.urandom(plan.size_bytes)
    if plan.sleep_ms:
        seconds = plan.sleep_ms / 1000
        return lambda client, index: client.submit(nap, seconds, payload)
    if plan.size_bytes:
        return lambda client, index: client.submit(echo, payload)
    return lambda client, index: client.submit(noop, index)


async def one_round(clients: Sequence[AsyncClient], submit: Submit, tasks: int, part: int, tally: Tally) -> float:
    """Runs so many tasks, shared between the clients; returns the seconds it took."""
    shares = [tasks // len(clients) + (index < tasks % len(clients)) for index in range(len(clients))]
    begin = time.perf_counter()
    await asyncio.gather(
        *(push(client, submit, share, part, tally) for client, share in zip(clients, shares, strict=True))
    )
    return time.perf_counter() - begin


async def push(client: AsyncClient, submit: Submit, tasks: int, part: int, tally: Tally) -> None:
    for first in range(0, tasks, part):
        indices = range(first, min(tasks, first + part))
        tally.count(await asyncio.gather(*[submit(client, index) for index in indices], return_exceptions=True))


async def round_trips(client: AsyncClient, submit: Submit, count: int) -> list[float]:
    """The seconds that each of so many tasks took, one after the other."""
    found = []
    for index in range(count):
        begin = time.perf_counter()
        await submit(client, index)
        found.append(time.perf_counter() - begin)
    return found
