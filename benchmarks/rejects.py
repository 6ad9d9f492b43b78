"""What it costs a cluster to say no: rejects a second, and the cluster's CPU for each.

In: how many rounds. Out: figures. The cluster's only node has a task that it never ends, and the queue is full, so that
whatever is offered is rejected. The clients, all in this process, offer without a pause and regardless of their credits
tasks of 1 KiB that were encoded once. It must never count an answer that is not the reject expected.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import msgspec

from argon.errors import RejectReason
from argon.net.security import parse_token
from argon.protocol.codec import ASSIGN, OUTCOME
from argon.protocol.handshake import Role
from benchmarks.frames import Shape, Submits, are_rejected
from benchmarks.stack import Stack, cpu_s
from benchmarks.subject import Figure
from benchmarks.traffic import Traffic
from benchmarks.wire import Wires

PAYLOAD_BYTES = 1024
REJECTS, REJECTS_QUICK = 200_000, 40_000
CLIENTS = 4
BLOCK, BLOCKS = 64, 4
QUEUE_LIMIT = 64
WARM_UP = 4 * QUEUE_LIMIT * CLIENTS
PER_S_BAR, CPU_BAR_US = 100_000, 3.0


class Cost(msgspec.Struct):
    """What rejecting took."""

    per_s: float
    cpu_us: float


def measure(rounds: int, quick: bool) -> list[Figure]:
    """Each reason once a round, each time on a new cluster."""
    rejects = REJECTS_QUICK if quick else REJECTS
    reasons = (RejectReason.QUEUE_FULL, RejectReason.CLIENT_LIMIT)
    found = [[one_round(reason, rejects) for reason in reasons] for _ in range(rounds)]
    figures = []
    for reason, costs in zip(reasons, zip(*found, strict=True), strict=True):
        what = f"{reason.name} of {PAYLOAD_BYTES // 1024} KiB"
        rates = Figure("rejects", what, "rejects/s", tuple(cost.per_s for cost in costs), f">= {PER_S_BAR:,}")
        figures.append(msgspec.structs.replace(rates, met=rates.value >= PER_S_BAR))
        cpu = tuple(cost.cpu_us for cost in costs)
        cpus = Figure("rejects", f"{what}: CPU of the cluster", "us", cpu, f"<= {CPU_BAR_US:g}")
        figures.append(msgspec.structs.replace(cpus, met=cpus.value <= CPU_BAR_US))
    return figures


def one_round(reason: RejectReason, rejects: int) -> Cost:
    """A cluster that is full, and clients that get nothing but this reason."""
    with Stack(nodes=0, cluster_options=["--queue-limit", str(QUEUE_LIMIT)]) as stack:
        secret = parse_token(stack.token, "the stack's token")
        answer = Shape(OUTCOME, 0)

        def clients(count: int) -> Wires:
            return Wires(stack.address, secret, Role.CLIENT, count, answer)

        with Wires(stack.address, secret, Role.NODE, 1, Shape(ASSIGN, PAYLOAD_BYTES)) as nodes, clients(1) as observer:
            nodes.register("mute", workers=1)
            observer.await_status("joined by its node", lambda status: status.workers == 1)
            with clients(1) as other, clients(CLIENTS) as offering:
                _fill(other, offering, QUEUE_LIMIT // CLIENTS if reason is RejectReason.CLIENT_LIMIT else 0)
                observer.await_status("full", lambda status: status.queue_length == QUEUE_LIMIT)
                _offer(offering, WARM_UP, lambda run: are_rejected(run, answer))
                begin_s, begin_cpu_s = perf_counter(), cpu_s(stack.cluster_pid)
                rejected = _offer(offering, rejects, lambda run: are_rejected(run, answer, reason))
                took_s, took_cpu_s = perf_counter() - begin_s, cpu_s(stack.cluster_pid) - begin_cpu_s
                observer.await_status("full to the end", lambda status: status.queue_length == QUEUE_LIMIT)
    return Cost(rejected / took_s, took_cpu_s / rejected * 1e6)


def _fill(other: Wires, offering: Wires, each: int) -> None:
    """Submits what the node and the queue hold: so many of each client that will go on, the rest of the other one."""
    for client in offering.all:
        if each:
            offering.write(client, Submits(each, bytes(PAYLOAD_BYTES)).numbered())
    rest = Submits(1 + QUEUE_LIMIT - each * len(offering.all), bytes(PAYLOAD_BYTES))
    other.write(other.all[0], rest.numbered())


def _offer(clients: Wires, tasks: int, expected: Callable[[bytes], bool]) -> int:
    """Offers at least so many tasks, waits until all are answered, and returns how many there were."""
    submits, answer = Submits(BLOCK, bytes(PAYLOAD_BYTES)), Shape(OUTCOME, 0)
    traffic = Traffic(clients, submits, answer, expected, blocks=BLOCKS, renumber=False)
    traffic.begin()
    traffic.run(tasks)
    traffic.end()
    return traffic.answers
