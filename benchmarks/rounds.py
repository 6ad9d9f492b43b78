"""How measurements are taken in rounds, and the areas that compare Argon with others.

In: running subjects and a plan. Out: Figures. In each round every subject is measured once, in the opposite order every
other round, and a ratio is taken between two numbers of the same round, so that what slows the whole machine down for a
while changes no ratio. Nothing here decides which number is good.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Self

import msgspec

from benchmarks.argon_subjects import AsyncClientSubject, ClientSubject, ExecutorSubject
from benchmarks.peers import PEERS, available
from benchmarks.relay import RelaySubject
from benchmarks.stack import Stack, peak_rss_bytes, reset_peak
from benchmarks.subject import MEGABYTE, Figure, Subject

KIB, MIB = 1 << 10, 1 << 20
CALL_BYTES = 4 * KIB
"""The largest payload is so much smaller than 64 MiB, since the limit holds for the whole call around it."""

PAYLOADS = {"1 KiB": KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "16 MiB": 16 * MIB, "64 MiB": 64 * MIB - CALL_BYTES}
LARGEST = "64 MiB"
TASKS_S = {"1 ms": 0.001, "10 ms": 0.01, "100 ms": 0.1}
WARM_UP_TASKS = 500
LEAST_TASKS, MOST_TASKS = 200, 200_000
LEAST_ECHOES, MOST_ECHOES = 2, 4000
LEAST_TRIPS = 20
LEAST_SPINS = 4

Samples = Mapping[str, Sequence[float]]
"""What was measured of each subject, by its name, one number a round."""


class Plan(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        rounds: how often each subject is measured.
        measurement_s: about how long one measurement takes.
        trips: how many round trips one round has, of a subject that is quick enough.
        slices: in how many parts, the subjects taking turns.
    """

    rounds: int = 5
    measurement_s: float = 0.8
    trips: int = 2000
    slices: int = 4

    @classmethod
    def quick(cls, rounds: int) -> Self:
        """To see that everything runs, and about where the numbers are."""
        return cls(rounds, measurement_s=0.1, trips=200, slices=2)


class Field:
    """The systems that are always measured together: Argon's clients on one stack, the relay, and two peers.

    The peers start first, since one of them forks its workers: this process then has no threads and no connections.
    """

    def __init__(self) -> None:
        self.stack = Stack()
        self.async_client = AsyncClientSubject(self.stack)
        self.clients: list[Subject] = [self.async_client, ClientSubject(self.stack), ExecutorSubject(self.stack)]
        self.relay: Subject = RelaySubject()
        self.peers: list[Subject] = [PEERS[name]() for name in ("ppe", "gearmand") if not available(name)]
        self._running = ExitStack()

    @property
    def others(self) -> list[Subject]:
        return [self.relay, *self.peers]

    @property
    def all(self) -> list[Subject]:
        return [*self.clients, *self.others]

    def start(self) -> None:
        """Starts all, one after the other; whoever asks for it must call `close`, also when this raises."""
        for subject in [*self.peers, self.relay]:
            self._running.enter_context(closing(subject)).start()
        self._running.enter_context(self.stack)
        for client in self.clients:
            self._running.enter_context(closing(client)).start()

    def close(self) -> None:
        """Ends every process that was started."""
        self._running.close()


# ---- rounds ---------------------------------------------------------------------------------------------------------


def in_rounds(subjects: Sequence[Subject], rounds: int, measure: Callable[[Subject], float]) -> Samples:
    """Measures every subject in every round."""
    found: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in turn(subjects, number):
            settle()
            found[subject.name].append(measure(subject))
    return found


def turn(subjects: Sequence[Subject], number: int) -> Sequence[Subject]:
    """The order of a round."""
    return subjects if number % 2 == 0 else subjects[::-1]


def settle() -> None:
    """Takes what this process has left from other measurements out of the garbage collector's way."""
    gc.collect()
    gc.freeze()


def ratios(samples: Samples, one: Subject, other: Subject) -> tuple[float, ...]:
    """One subject's numbers ÷ another's, round by round."""
    return quotients(samples[one.name], samples[other.name])


def quotients(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    return tuple(x / y for x, y in zip(above, below, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many of a hundred are below or equal to.

    >>> percentile([3.0, 1.0, 2.0], 50)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def number_for(measurement_s: float, per_s: float, least: int, most: int) -> int:
    """How many fill a measurement, at such a rate."""
    return max(least, min(most, int(measurement_s * per_s)))


def tasks_for(subject: Subject, plan: Plan) -> int:
    """How many no-op tasks fill a measurement. Warms the subject up."""
    subject.throughput(WARM_UP_TASKS)
    return number_for(plan.measurement_s, subject.throughput(WARM_UP_TASKS), LEAST_TASKS, MOST_TASKS)


# ---- areas ----------------------------------------------------------------------------------------------------------


def throughput(field: Field, plan: Plan) -> list[Figure]:
    """No-op tasks a second."""
    samples = no_op_rates(field.all, plan)
    figures = [Figure("throughput", f"{name}, no-op", "tasks/s", tuple(rates)) for name, rates in samples.items()]
    figures += [
        Figure("throughput", f"{client.name} / {other.name}", "ratio", ratios(samples, client, other))
        for client in field.clients
        for other in field.others
    ]
    return figures


def round_trip(field: Field, plan: Plan) -> list[Figure]:
    """How long one no-op task takes when nothing else is to be done."""
    p50, p99 = trips_us(field.all, plan)
    figures = []
    for name in p50:
        figures.append(Figure("round trip", f"{name}, p50", "us", tuple(p50[name])))
        figures.append(Figure("round trip", f"{name}, p99", "us", tuple(p99[name])))
    for client in field.clients:
        spread = quotients(p99[client.name], p50[client.name])
        figures.append(Figure("round trip", f"{client.name}, p99 / its p50", "ratio", spread))
        figures += [
            Figure("round trip", f"{client.name} / {other.name}, p50", "ratio", ratios(p50, client, other))
            for other in field.others
        ]
    return figures


def efficiency(field: Field, plan: Plan) -> list[Figure]:
    """The share of two workers' time that tasks of a length get."""
    figures = []
    for length, task_s in TASKS_S.items():
        samples = efficiencies(field.all, task_s, plan)
        figures += [Figure("efficiency", f"{name}, {length}", "ratio", tuple(found)) for name, found in samples.items()]
    return figures


def payload(field: Field, plan: Plan) -> list[Figure]:
    """How fast bytes and arrays come back, and what the largest cost the cluster in memory."""
    import numpy

    figures = []
    for size, size_bytes in PAYLOADS.items():
        samples = echo_rates(field.all, size_bytes, plan)
        figures += [Figure("payload", f"{name}, {size} bytes", "MB/s", tuple(found)) for name, found in samples.items()]
    client = field.async_client
    for size, size_bytes in PAYLOADS.items():
        array = numpy.frombuffer(numpy.random.default_rng(0).bytes(size_bytes), dtype=numpy.uint64)
        count = echoes_for(client.echo_value(array, size_bytes, LEAST_ECHOES), size_bytes, plan)
        rates = []
        for _ in range(plan.rounds):
            settle()
            rates.append(client.echo_value(array, size_bytes, count))
        figures.append(Figure("payload", f"{client.name}, {size} numpy array", "MB/s", tuple(rates)))
    return [*figures, growth(field, plan)]


def growth(field: Field, plan: Plan) -> Figure:
    """How far the cluster's memory rises above that of an unused one while the largest payload passes."""
    size_bytes = PAYLOADS[LARGEST]
    pid = field.stack.cluster_pid
    payloads = []
    for _ in range(plan.rounds):
        reset_peak(pid)
        field.async_client.echo(size_bytes, LEAST_ECHOES)
        payloads.append((peak_rss_bytes(pid) - field.stack.idle_rss_bytes) / size_bytes)
    return Figure("payload", f"growth of the cluster's memory, {LARGEST} bytes", "payloads", tuple(payloads))


def cpu(field: Field, plan: Plan) -> list[Figure]:
    """The CPU time that each process spends on a no-op task: when all are as busy as they can be, and on one alone."""
    found: dict[str, list[float]] = {}
    tasks = {subject.name: tasks_for(subject, plan) for subject in field.all}
    for number in range(plan.rounds):
        for subject in turn(field.all, number):
            settle()
            start_s = subject.cpu_s()
            subject.throughput(tasks[subject.name])
            middle_s = subject.cpu_s()
            subject.round_trips(plan.trips)
            end_s = subject.cpu_s()
            for role in start_s:
                busy_us = (middle_s[role] - start_s[role]) / tasks[subject.name] * 1e6
                alone_us = (end_s[role] - middle_s[role]) / plan.trips * 1e6
                found.setdefault(f"{subject.name}, {role}", []).append(busy_us)
                found.setdefault(f"{subject.name}, {role}, one task at a time", []).append(alone_us)
    figures = [Figure("cpu", what, "us/task", tuple(samples)) for what, samples in found.items()]
    for role in ("cluster", "node", "client"):
        one, other = (found[f"{subject.name}, {role}"] for subject in (field.async_client, field.relay))
        what = f"{field.async_client.name} / {field.relay.name}, {role}"
        figures.append(Figure("cpu", what, "ratio", quotients(one, other)))
    return figures


def beside(peer: Subject, field: Field, plan: Plan) -> list[Figure]:
    """One more peer, next to `AsyncClient`: throughput, round trip, a mebibyte there and back, tasks of 10 ms."""
    client: Subject = field.async_client
    both = [client, peer]
    p50, p99 = trips_us(both, plan)
    measured: list[tuple[str, str, Samples]] = [
        ("no-op", "tasks/s", no_op_rates(both, plan)),
        ("round trip p50", "us", p50),
        ("round trip p99", "us", p99),
        ("1 MiB bytes", "MB/s", echo_rates(both, MIB, plan)),
        ("efficiency at 10 ms", "ratio", efficiencies(both, TASKS_S["10 ms"], plan)),
    ]
    figures = []
    for what, unit, samples in measured:
        figures.append(Figure("peers", f"{peer.name}, {what}", unit, tuple(samples[peer.name])))
        quotient = ratios(samples, client, peer)
        figures.append(Figure("peers", f"{client.name} / {peer.name}, {what}", "ratio", quotient))
    return figures


# ---- what several areas measure -------------------------------------------------------------------------------------


def no_op_rates(subjects: Sequence[Subject], plan: Plan) -> Samples:
    tasks = {subject.name: tasks_for(subject, plan) for subject in subjects}
    return in_rounds(subjects, plan.rounds, lambda subject: subject.throughput(tasks[subject.name]))


def efficiencies(subjects: Sequence[Subject], task_s: float, plan: Plan) -> Samples:
    count = max(LEAST_SPINS, round(2 * plan.measurement_s / task_s))
    return in_rounds(subjects, plan.rounds, lambda subject: subject.efficiency(task_s, count))


def echo_rates(subjects: Sequence[Subject], size_bytes: int, plan: Plan) -> Samples:
    counts = {}
    for subject in subjects:
        counts[subject.name] = echoes_for(subject.echo(size_bytes, LEAST_ECHOES), size_bytes, plan)
    return in_rounds(subjects, plan.rounds, lambda subject: subject.echo(size_bytes, counts[subject.name]))


def echoes_for(rate_mb_s: float, size_bytes: int, plan: Plan) -> int:
    """How many echoes fill half a measurement, at such a rate."""
    return number_for(plan.measurement_s / 2, rate_mb_s * MEGABYTE / size_bytes / 2, LEAST_ECHOES, MOST_ECHOES)


def trips_us(subjects: Sequence[Subject], plan: Plan) -> tuple[Samples, Samples]:
    """The medians and the 99th percentiles of the rounds. Within a round the subjects take turns several times."""
    counts = {}
    for subject in subjects:
        usual_s = statistics.median(subject.round_trips(LEAST_TRIPS))
        counts[subject.name] = number_for(plan.measurement_s / plan.slices, 1 / usual_s, 5, plan.trips // plan.slices)
    p50: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    p99: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for _ in range(plan.rounds):
        trips_s: dict[str, list[float]] = {subject.name: [] for subject in subjects}
        for number in range(plan.slices):
            for subject in turn(subjects, number):
                settle()
                trips_s[subject.name] += subject.round_trips(counts[subject.name])
        for name, found_s in trips_s.items():
            p50[name].append(percentile(found_s, 50) * 1e6)
            p99[name].append(percentile(found_s, 99) * 1e6)
    return p50, p99
