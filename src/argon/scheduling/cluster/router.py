"""Which node gets the next task: the one with the least predicted finish time.

In: nodes whose load has changed, and the kind of the next task. Out: the chosen node, or None when none has room. It
must never change a node. Costs O(log nodes) comparisons a task: two sorted lines, one of nodes with a free worker and
one of nodes that may prefetch. A node with a free worker goes first, so that no task waits in the queue
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
from typing import Final, TypeAlias

from mypy_extensions import mypyc_attr

from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.task import Choice
from argon.scheduling.load import FLEET_KEPT, ServiceTimes

_KEYS_MAX: Final = 4096
_SLOW: Final = log(1.5)
WAIT_FOR_FASTER_S: Final = 0.0125
LONGEST_WAITING_S: Final = 0.2
WORTH_WAITING: Final = 1.5
_Entry: TypeAlias = tuple[int, float, int, NodeSession]


@mypyc_attr(allow_interpreted_subclasses=True)
class Router:
    """Chooses nodes. What compares it with simpler rules gives the cluster a subclass with another ``choose``.

    ``fleet`` are the service times of all nodes together.

    Attributes:
        choice, free_nodes, next_node, next_s: why the last choice was made, for the journal: see ``Attempt``.
    """

    def __init__(self) -> None:
        self.fleet = ServiceTimes(FLEET_KEPT)
        self.choice: int = Choice.FREE
        self.free_nodes = 0
        self.next_node = ""
        self.next_s = 0.0
        self._free: list[_Entry] = []
        self._prefetch: list[_Entry] = []
        self._sequence = 0
        self._known: set[NodeSession] = set()
        self._only: NodeSession | None = None
        self._changed: dict[NodeSession, None] = {}
        self._keys: dict[int, NodeSession] = {}

    def update(self, node: NodeSession) -> None:
        """Notes that a node has changed. It finds its place when the next choice is made, however often it changed; one
        without another beside it needs none."""
        if node is self._only and node.workers:
            return
        if self._only is not None:
            self._changed[self._only] = None
        self._changed[node] = None
        if node.workers:
            self._known.add(node)
        else:
            self._known.discard(node)
        self._find_only()

    def remove(self, node: NodeSession) -> None:
        """Forgets a node."""
        self._take_out(node)
        self._known.discard(node)
        self._find_only()
        self._changed.pop(node, None)
        for key in [key for key, kept in self._keys.items() if kept is node]:
            del self._keys[key]

    def choose(self, kind: int, key: int) -> NodeSession | None:
        """The node for a task of this kind; equal non-zero keys go to one node while it has room."""
        self.choice = Choice.FREE
        self.free_nodes = 0
        self.next_node = ""
        only = self._only
        if only is not None:
            return only if self._fits(only, kind) else None
        for node in self._changed:
            self._place(node)
        self._changed.clear()
        self.free_nodes = len(self._free)
        kept = self._keys.get(key) if key else None
        if kept is not None:
            self.choice = Choice.KEY
            if self._fits(kept, kind):
                return kept
            self.choice = Choice.SPILLED
        best = self._best_free(kind)
        if best is None:
            best = self._best_prefetch(kind)
        elif best.slowness > _SLOW:
            best = self._faster(best, kind)
        if key and best is not None and key not in self._keys:
            if len(self._keys) >= _KEYS_MAX:
                del self._keys[next(iter(self._keys))]
            self._keys[key] = best
        return best

    def _find_only(self) -> None:
        self._only = next(iter(self._known)) if len(self._known) == 1 else None

    def _place(self, node: NodeSession) -> None:
        self._take_out(node)
        self._sequence += 1
        if node.free():
            load = _octave(exp(node.slowness) * (1.0 + node.pressure))
            node.place = (load, len(node.tasks) / node.workers, self._sequence, node)
            insort(self._free, node.place)
        elif node.workers and node.has_prefetch_slot(0.0, WAIT_FOR_FASTER_S, LONGEST_WAITING_S):
            node.place = (0, node.work_s * (1.0 + node.pressure) / node.workers, self._sequence, node)
            insort(self._prefetch, node.place)

    def _fits(self, node: NodeSession, kind: int) -> bool:
        if node.free():
            return True
        seconds = node.known_s(kind, self.fleet)
        return seconds is not None and node.has_prefetch_slot(seconds)

    def _faster(self, free: NodeSession, kind: int) -> NodeSession:
        """A fast node where the task waits a moment, if it is done there much sooner than on this free one."""
        for *_, fast in self._prefetch[:3]:
            wait_s, run_s = fast.wait_s(), self._takes_s(fast, kind)
            if (
                wait_s <= WAIT_FOR_FASTER_S
                and WORTH_WAITING * (wait_s + run_s) < self._takes_s(free, kind)
                and fast.has_prefetch_slot(run_s, WAIT_FOR_FASTER_S, LONGEST_WAITING_S)
            ):
                self.choice = Choice.FASTER
                self.next_node, self.next_s = free.name, self._takes_s(free, kind)
                return fast
        return free

    def _takes_s(self, node: NodeSession, kind: int) -> float:
        """What one more task of this kind is expected to take there, the way included."""
        trip = node.round_trip.mean_s if node.round_trip else 0.0
        return (node.expected_s(kind, self.fleet) + trip) * (1.0 + node.pressure)

    def _best_free(self, kind: int) -> NodeSession | None:
        line = self._free
        if len(line) < 2:
            return line[0][3] if line else None
        best, best_rank, best_s = None, (0, 0.0, 0), 0.0
        for _, busy, sequence, node in line[:3]:
            all_s = self._takes_s(node, kind)
            rank = (_octave(all_s), busy, sequence)
            if best is None or rank < best_rank:
                if best is not None:
                    self.next_node, self.next_s = best.name, best_s
                best, best_rank, best_s = node, rank, all_s
            elif not self.next_node or all_s < self.next_s:
                self.next_node, self.next_s = node.name, all_s
        return best

    def _best_prefetch(self, kind: int) -> NodeSession | None:
        for *_, node in self._prefetch[:3]:
            if self._fits(node, kind):
                return node
        return None

    def _take_out(self, node: NodeSession) -> None:
        place = node.place
        if place is None:
            return
        node.place = None
        for line in (self._free, self._prefetch):
            index = bisect_left(line, place)
            if index < len(line) and line[index] == place:
                del line[index]
                return


def _octave(seconds: float) -> int:
    return round(2 * log2(seconds + 1e-5))
