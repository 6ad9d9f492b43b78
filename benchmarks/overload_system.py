"""One system that gets too much work: the process that `benchmarks.overload` starts for it.

In: an order, as JSON in the only argument. Out: one line of JSON. It may be ended at any moment, and whatever it has
started ends with it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from argon import AsyncClient
from argon.cli.bench.open_loop import Ending, Sample
from argon.cli.bench.overload import FactorFigures, OverloadPlan, measured_factor, submitter, warm_up
from argon.process.event_loop import run_on_own_loop
from benchmarks.peers import PEERS, available
from benchmarks.peers.driven import Driven
from benchmarks.stack import Stack
from benchmarks.tasks import nap

WORKERS = 8
MAXQUEUE = 128


class System(NamedTuple):
    """A system: what it is called, whose it is, and with which options it starts."""

    title: str
    peer: str = ""  # of PEERS; "" is Argon
    options: tuple[tuple[str, int], ...] = ()


SYSTEMS = {
    "argon": System("Argon"),
    "gearmand-maxqueue": System(f"gearmand, maxqueue {MAXQUEUE}", "gearmand", (("maxqueue", MAXQUEUE),)),
    "gearmand": System("gearmand", "gearmand"),
    "ppe": System("ProcessPoolExecutor", "ppe"),
    "dask": System("dask.distributed", "dask"),
    "ray": System("Ray tasks", "ray"),
}


@dataclass(frozen=True)
class Result:
    """One system at one factor."""

    system: str
    efficiency: float
    figures: FactorFigures


class Order(msgspec.Struct):
    """What to measure."""

    system: str
    plan: OverloadPlan


class Answer(msgspec.Struct):
    """What was found."""

    efficiency: float
    figures: FactorFigures


def lacking(name: str) -> str:
    """Why a system cannot run here; "" if it can."""
    peer = SYSTEMS[name].peer
    return available(peer) if peer else ""


def measure(order: Order, tell: Callable[[Answer], object]) -> None:
    """Tells what was found before it ends the system: what is still queued there may take long."""
    system = SYSTEMS[order.system]
    if not system.peer:
        with Stack(workers=WORKERS) as stack:
            tell(run_on_own_loop(measured_argon(stack, order.plan)))
        return
    subject = PEERS[system.peer](workers=WORKERS, **dict(system.options))
    assert isinstance(subject, Driven)
    with closing(subject):
        subject.start()
        tell(run_on_own_loop(measured_submits(submits(subject), order.plan)))


async def measured_argon(stack: Stack, plan: OverloadPlan) -> Answer:
    async with AsyncClient(stack.address, token=stack.token) as client:
        return await measured_submits(submitter([client], plan), plan)


async def measured_submits(submit: Callable[[Sample], None], plan: OverloadPlan) -> Answer:
    efficiency = await warm_up(submit, WORKERS, plan)
    return Answer(efficiency, await measured_factor(submit, WORKERS, plan.factors[0], plan))


def submits(subject: Driven) -> Callable[[Sample], None]:
    """What hands a sample's task over to a system. Whatever goes wrong there with a task counts as a reject: of these
    systems none says more."""

    def submit(sample: Sample) -> None:
        def done(error: BaseException | None) -> None:
            if error is None:
                sample.end(Ending.COMPLETED)
            else:
                sample.end(Ending.REJECTED, str(error))

        subject.hand_over(nap, sample.task_s, done)

    return submit


def main() -> None:
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a system prints must not be taken for the answer
    logging.disable()  # a system that is ended in the middle of its work complains of each task
    order = msgspec.json.decode(sys.argv[1], type=Order)
    measure(order, lambda answer: os.write(output, msgspec.json.encode(answer) + b"\n"))


if __name__ == "__main__":
    main()
