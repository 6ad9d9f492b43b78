"""Which node gets the next task: the one with the least predicted finish time.

In: nodes whose load has changed, and the kind of the next task. Out: a route to the chosen node, or None when none can
take the task. It must never change a node. Costs O(log nodes) comparisons a task: two sorted lines, one of nodes with a
free worker and one of nodes that may prefetch. A node with a free worker goes first, so that no task waits in the queue
while a worker is free. What is prefetched stays with its node, also when a worker of another becomes free.

A line is ordered by the node's own numbers; the first three are then compared by what a task of *this* kind takes on
them. Predicted seconds are compared by powers of √2: what differs by less is a tie, which goes to the node with the
smaller share of its workers busy, and then to the one that was used least recently. Only a task with a key may be
prefetched, by the node of its key, although another has a free worker.

A node whose machine is busy counts as slower: its predicted seconds are taken ``1 + pressure`` times.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from math import exp, log, log2
from typing import Final, Protocol, TypeAlias

from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice, Route
from argon.scheduling.load import FLEET_KEPT, ServiceTimes

_KEYS_MAX: Final = 4096
_COMPARED: Final = 3
_SLOW: Final = log(1.5)
WAIT_FOR_FASTER_S: Final = 0.0125
LONGEST_WAITING_S: Final = 0.2
_Place: TypeAlias = tuple[int, float, int, NodeSession]


class RoutingRule(Protocol):
    """A rule that chooses in place of the router, to be compared with it: see ``planning/rules.py``."""

    def update(self, node: NodeSession) -> None:
        """Notes that a node has changed, or has come."""

    def remove(self, node: NodeSession) -> None:
        """Forgets a node."""

    def choose(self, kind: int, key: int, fleet: ServiceTimes) -> NodeSession | None:
        """The node for a task, None if none can take it."""


class Router:
    """Chooses nodes. ``fleet`` are the service times of all nodes together.

    Args:
        rule: chooses in place of this router, which then only carries its choice. None in production.
    """

    def __init__(self, rule: RoutingRule | None = None) -> None:
        self.fleet = ServiceTimes(FLEET_KEPT)
        self._rule = rule
        self._places: dict[NodeSession, _Place | None] = {}  # of every node with workers; None where it can take none
        self._free: list[_Place] = []
        self._prefetching: list[_Place] = []
        self._sequence = 0
        self._only_free: Route | None = None
        self._only_prefetching: Route | None = None
        self._changed: dict[NodeSession, None] = {}
        self._keys: dict[int, NodeSession] = {}

    def update(self, node: NodeSession) -> None:
        """Notes that a node has changed. It finds its place when the next choice is made, however often it changed; one
        without another beside it needs none."""
        only = self._only_free
        if only is not None:
            if node is only.node and node.workers:
                return
            self._changed[only.node] = None
        if self._rule is not None:
            self._rule.update(node)
            return
        self._changed[node] = None
        if not node.workers:
            self._forget_place(node)
        elif node not in self._places:
            self._places[node] = None
            self._find_only()

    def remove(self, node: NodeSession) -> None:
        """Forgets a node."""
        if self._rule is not None:
            self._rule.remove(node)
            return
        self._forget_place(node)
        self._changed.pop(node, None)
        for key in [key for key, kept in self._keys.items() if kept is node]:
            del self._keys[key]

    def choose(self, kind: int, key: int) -> Route | None:
        """The route of a task of this kind; equal non-zero keys go to one node while it has room."""
        only = self._only_free
        if only is not None:
            if only.node.free():
                return only
            return self._only_prefetching if self._fits(only.node, kind) else None
        if self._rule is not None:
            return self._by_rule(self._rule, kind, key)
        for node in self._changed:
            self._place(node)
        self._changed.clear()
        kept = self._keys.get(key) if key else None
        if kept is not None and self._fits(kept, kind):
            return Route(kept, Choice.KEY, len(self._free))
        if self._free:
            route = self._best_free(kind, Choice.FREE if kept is None else Choice.SPILLED)
        else:
            best = self._best_prefetching(kind)
            if best is None:
                return None
            route = Route(best, Choice.PREFETCHED if kept is None else Choice.SPILLED, 0)
        if key and kept is None:
            if len(self._keys) >= _KEYS_MAX:
                del self._keys[next(iter(self._keys))]
            self._keys[key] = route.node
        return route

    def _find_only(self) -> None:
        """Makes the routes to the only node with workers, if there is only one: so its tasks need no comparing."""
        if len(self._places) == 1:
            node = next(iter(self._places))
            self._only_free = Route(node, Choice.FREE, 1)
            self._only_prefetching = Route(node, Choice.PREFETCHED, 0)
        else:
            self._only_free = self._only_prefetching = None

    def _by_rule(self, rule: RoutingRule, kind: int, key: int) -> Route | None:
        node = rule.choose(kind, key, self.fleet)
        if node is None:
            return None
        return Route(node, Choice.FREE, 1) if node.free() else Route(node, Choice.PREFETCHED, 0)

    def _fits(self, node: NodeSession, kind: int) -> bool:
        if node.free():
            return True
        seconds = node.times.known_s(kind, self.fleet)
        return seconds is not None and node.has_prefetch_slot(seconds)

    def _takes_s(self, node: NodeSession, kind: int) -> float:
        """What one more task of this kind is expected to take there, the way included."""
        trip_s = node.times.round_trip.mean_s if node.times.round_trip else 0.0
        return (node.times.expected_s(kind, self.fleet) + trip_s) * (1.0 + node.pressure)

    def _best_free(self, kind: int, why: int) -> Route:
        """The route to the best node with a free worker, or to a faster one where the task waits a moment."""
        line = self._free
        _, busy, sequence, best = line[0]
        if len(line) == 1:
            return self._faster(Route(best, why, 1), kind)
        best_s = self._takes_s(best, kind)
        best_rank = (_octave(best_s), busy, sequence)
        runner_up: NodeSession | None = None
        runner_up_s = 0.0
        for _, busy, sequence, node in line[1:_COMPARED]:
            seconds = self._takes_s(node, kind)
            rank = (_octave(seconds), busy, sequence)
            if rank < best_rank:
                runner_up, runner_up_s = best, best_s
                best, best_s, best_rank = node, seconds, rank
            elif runner_up is None or seconds < runner_up_s:
                runner_up, runner_up_s = node, seconds
        return self._faster(Route(best, why, len(line), runner_up, runner_up_s), kind)

    def _faster(self, route: Route, kind: int) -> Route:
        """The route to a fast node where the task waits a moment, if it is done there sooner than on this one."""
        slow = route.node
        if slow.times.slowness <= _SLOW:
            return route
        slow_s = self._takes_s(slow, kind)
        for _, _, _, fast in self._prefetching[:_COMPARED]:
            wait_s, run_s = fast.wait_s(), self._takes_s(fast, kind)
            if (
                wait_s <= WAIT_FOR_FASTER_S
                and wait_s + run_s < slow_s
                and fast.has_prefetch_slot(run_s, WAIT_FOR_FASTER_S, LONGEST_WAITING_S)
            ):
                return Route(fast, Choice.FASTER, route.free_nodes, slow, slow_s)
        return route

    def _best_prefetching(self, kind: int) -> NodeSession | None:
        for _, _, _, node in self._prefetching[:_COMPARED]:
            if self._fits(node, kind):
                return node
        return None

    def _place(self, node: NodeSession) -> None:
        """Puts a node that has changed into the line where it belongs."""
        old = self._places.get(node)
        self._leave_line(old)
        place: _Place | None = None
        self._sequence += 1
        if node.free():
            load = _octave(exp(node.times.slowness) * (1.0 + node.pressure))
            place = (load, len(node.tasks) / node.workers, self._sequence, node)
            insort(self._free, place)
        elif node.workers and node.has_prefetch_slot(0.0, WAIT_FOR_FASTER_S, LONGEST_WAITING_S):
            place = (0, node.work_s * (1.0 + node.pressure) / node.workers, self._sequence, node)
            insort(self._prefetching, place)
        if place is not old:
            self._places[node] = place

    def _leave_line(self, place: _Place | None) -> None:
        if place is None:
            return
        for line in (self._free, self._prefetching):
            index = bisect_left(line, place)
            if index < len(line) and line[index] == place:
                del line[index]
                return

    def _forget_place(self, node: NodeSession) -> None:
        if node in self._places:
            self._leave_line(self._places.pop(node))
            self._find_only()


def _octave(seconds: float) -> int:
    return round(2 * log2(seconds + 1e-5))
