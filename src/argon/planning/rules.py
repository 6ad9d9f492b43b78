"""The routing rules that Argon's own is compared with.

In: that a node has changed, and the next task. Out: the chosen node. A rule takes the place of what `Router` does by
itself, and of nothing else: a task stays in the cluster's queue until a node has a free worker or may prefetch it, and
a rule only chooses among such nodes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, TypeAlias

from argon.planning.fleet import node_name
from argon.planning.node_plan import NodePlan
from argon.planning.workload import Workload
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.load import ServiceTimes

_TRIED_FOR_PREFETCH: Final = 3
"""Of the nodes without a free worker, how many are asked whether they may prefetch: as many as by Argon's own rule."""

_Place: TypeAlias = tuple[float, int, NodeSession]


class ComparedRule(ABC):
    """A rule that keeps the nodes in two lines, in the order of ``rank``: those with a free worker, and those that may
    prefetch. ``pick`` chooses a place."""

    def __init__(self) -> None:
        self.numbers: dict[NodeSession, int] = {}
        self.idle: list[_Place] = []
        self.loaded: list[_Place] = []
        self.places: dict[NodeSession, tuple[list[_Place], _Place]] = {}

    @abstractmethod
    def rank(self, node: NodeSession) -> tuple[float, int]:
        """Where a node stands in its line. No two nodes may have the same."""

    @abstractmethod
    def pick(self, line: Sequence[_Place]) -> int:
        """Which place of a line is taken."""

    def seconds(self, node: NodeSession, kind: int, key: int, fleet: ServiceTimes) -> float | None:
        """What a task is expected to take on a node, None if that is unknown."""
        known = node.times.service.of(kind)
        return fleet.of(kind) if known is None else known

    def update(self, node: NodeSession) -> None:
        """Puts a node that has changed, or come, into its line."""
        self.numbers.setdefault(node, len(self.numbers))
        self._leave(node)
        if node.free():
            self._enter(self.idle, node)
        elif node.workers and node.has_prefetch_slot(0.0):
            self._enter(self.loaded, node)

    def remove(self, node: NodeSession) -> None:
        """Forgets a node."""
        self._leave(node)  # its number is not given again

    def choose(self, kind: int, key: int, fleet: ServiceTimes) -> NodeSession | None:
        """The node for a task: one with a free worker, else one that may prefetch it, else None."""
        if self.idle:
            return self.idle[self.pick(self.idle)][2]
        first = self.pick(self.loaded) if self.loaded else 0
        for further in range(min(_TRIED_FOR_PREFETCH, len(self.loaded))):
            node = self.loaded[(first + further) % len(self.loaded)][2]
            seconds = self.seconds(node, kind, key, fleet)
            if seconds is not None and node.has_prefetch_slot(seconds):
                return node
        return None

    def _enter(self, line: list[_Place], node: NodeSession) -> None:
        place = (*self.rank(node), node)
        insort(line, place)
        self.places[node] = line, place

    def _leave(self, node: NodeSession) -> None:
        standing = self.places.pop(node, None)
        if standing is not None:
            line, place = standing
            del line[bisect_right(line, place) - 1]


class RoundRobin(ComparedRule):
    """One after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.last = -1

    def rank(self, node: NodeSession) -> tuple[float, int]:
        return 0.0, self.numbers[node]

    def pick(self, line: Sequence[_Place]) -> int:
        place = bisect_right(line, self.last, key=lambda place: place[1]) % len(line)
        self.last = line[place][1]
        return place


class AnyNode(ComparedRule):
    """At random."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.rng = rng

    def rank(self, node: NodeSession) -> tuple[float, int]:
        return 0.0, self.numbers[node]

    def pick(self, line: Sequence[_Place]) -> int:
        return self.rng.randrange(len(line))


class TwoChoices(AnyNode):
    """Of two at random, the one with fewer tasks for each worker."""

    def pick(self, line: Sequence[_Place]) -> int:
        one, other = self.rng.randrange(len(line)), self.rng.randrange(len(line))
        return one if _share(line[one][2]) <= _share(line[other][2]) else other


class LeastLoaded(ComparedRule):
    """The one with the fewest tasks for each worker; of equals, the one that has changed least recently."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def rank(self, node: NodeSession) -> tuple[float, int]:
        self.changes += 1
        return _share(node), self.changes

    def pick(self, line: Sequence[_Place]) -> int:
        return 0


class Original(ComparedRule):
    """The rule of the first Argon: the least average run time, whatever its load; a new node's average is 0."""

    def rank(self, node: NodeSession) -> tuple[float, int]:
        return node.times.service.mean_s(), self.numbers[node]

    def pick(self, line: Sequence[_Place]) -> int:
        return 0


class Oracle(ComparedRule):
    """Knows how long each task takes, and how fast each node is at present: takes the one that finishes it first.

    It is no cleverer than that: like the others it lets no task wait while a worker is free. A task's ``key`` must be
    its number + 1.
    """

    def __init__(self, service_s: array[float], speeds: Mapping[str, float]) -> None:
        super().__init__()
        self.service_s = service_s
        self.speeds = dict(speeds)
        self.changes = 0

    def turned(self, name: str, speed: float) -> None:
        """A node has changed its speed."""
        self.speeds[name] = speed
        for node in list(self.places):
            if node.name == name:
                self.update(node)

    def rank(self, node: NodeSession) -> tuple[float, int]:
        self.changes += 1
        return -self.speeds[node.name], self.changes

    def pick(self, line: Sequence[_Place]) -> int:
        return 0

    def seconds(self, node: NodeSession, kind: int, key: int, fleet: ServiceTimes) -> float | None:
        return self.service_s[key - 1] / self.speeds[node.name]


def _share(node: NodeSession) -> float:
    return len(node.tasks) / node.workers


ARGON: Final = "argon"
RULES: Final = ("round robin", "random", "two choices", "least loaded", "original", "oracle", ARGON)


def make_rule(name: str, fleet: Sequence[NodePlan], work: Workload, rng: Random) -> ComparedRule | None:
    """The rule of this name, for a fleet whose nodes are the peers from 1 on; None for the router's own."""
    match name:
        case "round robin":
            return RoundRobin()
        case "random":
            return AnyNode(rng)
        case "two choices":
            return TwoChoices(rng)
        case "least loaded":
            return LeastLoaded()
        case "original":
            return Original()
        case "oracle":
            speeds = {node_name(peer): plan.speed_at(0.0) for peer, plan in enumerate(fleet, 1)}
            return Oracle(work.service_s, speeds)
        case "argon":
            return None
    raise ValueError(f"a rule must be one of {', '.join(RULES)}, not {name!r}")
