"""What comes to the cluster: which task, when, from which client, and how long it will run.

In: a rate, a burst, a distribution and a generator of random numbers; or the lines of a trace. Out: a Workload. It must
never know a node.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from argon.planning.service import FIRST_KIND, ServiceTime
from argon.settings import Priority

MAX_TASKS: Final = 20_000_000
MAX_CLIENTS: Final = 10_000
CALM_BEFORE: Final = 1 / 3
"""Which part of the calm comes before the burst."""


@dataclass(frozen=True)
class Burst:
    """For ``duration_s`` seconds the rate is ``factor`` times as high."""

    factor: float
    duration_s: float


@dataclass
class Workload:
    """Tasks by number, in the order in which they come. ``service_s`` is on a worker of speed 1.

    ``kinds`` are the names of the kinds, from FIRST_KIND on;
    ``flood`` is the client that hands over its tasks all at once, or None; ``spike`` is when the burst began and ended.
    """

    clients: int = 1
    at_s: array[float] = field(default_factory=lambda: array("d"))
    service_s: array[float] = field(default_factory=lambda: array("d"))
    kind: array[int] = field(default_factory=lambda: array("q"))
    client: array[int] = field(default_factory=lambda: array("l"))
    priority: array[int] = field(default_factory=lambda: array("b"))
    flood: int | None = None
    spike: tuple[float, float] | None = None
    kinds: Sequence[str] = ("",)

    def __len__(self) -> int:
        return len(self.at_s)

    def add(self, at_s: float, service_s: float, kind: int, client: int, priority: int) -> None:
        """Adds a task; none may come before the one that was added last."""
        self.at_s.append(at_s)
        self.service_s.append(service_s)
        self.kind.append(kind)
        self.client.append(client)
        self.priority.append(priority)

    def watched(self) -> list[int]:
        """The tasks that count: all but a flood, whose caller can only mean that it takes long."""
        if self.flood is None:
            return list(range(len(self)))
        return [task for task, client in enumerate(self.client) if client != self.flood]


@dataclass(frozen=True)
class Mix:
    """What tasks are like.

    Attributes:
        clients: how many clients submit them; each task comes from any of them.
        priorities: the weight of each priority.
        flood: how many tasks one more client hands over at the start, all at once.
    """

    service: ServiceTime
    clients: int = 1
    priorities: Sequence[tuple[Priority, float]] = ((Priority.NORMAL, 1.0),)
    flood: int = 0


def random_workload(tasks: int, rate_per_s: float, mix: Mix, rng: Random, burst: Burst | None = None) -> Workload:
    """Tasks that come independently of each other (a Poisson process), in calm, or in calm, burst and calm."""
    work = Workload(clients=mix.clients + (mix.flood > 0), kinds=mix.service.kinds)
    levels = [priority for priority, _ in mix.priorities]
    weights = [weight for _, weight in mix.priorities]

    def add(at_s: float, client: int) -> None:
        priority = levels[0] if len(levels) == 1 else rng.choices(levels, weights)[0]
        service_s, kind = mix.service.sample(rng)
        work.add(at_s, service_s, kind, client, priority)

    if mix.flood:
        work.flood = mix.clients
        for _ in range(mix.flood):
            add(0.0, mix.clients)
    for at_s in _arrivals(tasks, rate_per_s, work, rng, burst):
        add(at_s, rng.randrange(mix.clients) if mix.clients > 1 else 0)
    return work


def _arrivals(tasks: int, rate_per_s: float, work: Workload, rng: Random, burst: Burst | None) -> Iterator[float]:
    begin_s = end_s = 0.0
    if burst is not None:
        calm_s = tasks / rate_per_s - burst.factor * burst.duration_s
        if calm_s <= 0:
            needed = int(rate_per_s * burst.factor * burst.duration_s)
            raise ValueError(
                f"the burst alone has {needed:,} tasks: ask for several times as many tasks, or for a shorter burst"
            )
        begin_s = calm_s * CALM_BEFORE
        end_s = begin_s + burst.duration_s
        work.spike = begin_s, end_s
    # Ticks come at rate 1; a moment is where the rate, summed up, reaches the tick.
    tick = 0.0
    before = begin_s * rate_per_s
    during = 0.0 if burst is None else burst.factor * burst.duration_s * rate_per_s
    for _ in range(tasks):
        tick += rng.expovariate(1.0)
        if tick <= before:
            yield tick / rate_per_s
        elif burst is not None and tick <= before + during:
            yield begin_s + (tick - before) / (rate_per_s * burst.factor)
        else:
            yield end_s + (tick - before - during) / rate_per_s


@dataclass(frozen=True)
class Arrival:
    """One line of a trace, as it was read."""

    at_s: float
    service_s: float
    client: str = ""
    priority: Priority = Priority.NORMAL
    kind: str = ""


def traced_workload(arrivals: Iterable[Arrival]) -> Workload:
    """The tasks of a trace, from the first one's moment on. Names of clients and kinds become numbers."""
    work = Workload()
    clients: dict[str, int] = {}
    kinds: dict[str, int] = {}
    ordered = sorted(arrivals, key=lambda arrival: arrival.at_s)
    if not ordered:
        raise ValueError("the trace has no tasks")
    for one in ordered:
        client = clients.setdefault(one.client, len(clients))
        kind = kinds.setdefault(one.kind, FIRST_KIND + len(kinds))
        work.add(one.at_s - ordered[0].at_s, one.service_s, kind, client, one.priority)
    work.clients, work.kinds = len(clients), list(kinds)
    if work.clients > MAX_CLIENTS:
        raise ValueError(f"the trace has {work.clients:,} clients, more than {MAX_CLIENTS:,}")
    return work
