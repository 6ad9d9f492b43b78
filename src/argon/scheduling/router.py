"""Which node gets the next task: the one with the least predicted finish time.

In: nodes whose load has changed, and the kind of the next task. Out: the chosen node, or None when none has room. It
must never change a node. Costs O(log nodes) a task: two heaps, one of nodes with a free worker and one of nodes that
may be sent a little ahead; a node with a free worker always goes first, so that no worker idles while a task waits.

A heap is ordered by the node's own numbers; the three entries at its top are then compared by what a task of *this*
kind takes on them. Predicted seconds are compared by powers of √2: what differs by less is a tie, which goes to the
node with the smaller share of its workers busy, and then to the one that was used least recently.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import log2
from typing import TypeAlias

from argon.scheduling.load import ServiceTimes, predict_s
from argon.scheduling.member import Member

_KEYS_MAX = 4096
_Entry: TypeAlias = tuple[int, float, int, Member]


class Router:
    """Chooses nodes.

    Args:
        fleet: the service times of all nodes together.
    """

    def __init__(self, fleet: ServiceTimes) -> None:
        self._fleet = fleet
        self._free: list[_Entry] = []
        self._ahead: list[_Entry] = []
        self._sequence = 0
        self._known: set[Member] = set()
        self._keys: dict[int, Member] = {}

    def update(self, member: Member) -> None:
        """Puts a node where its load belongs now. Call it after every change of the node."""
        self._sequence += 1
        self._known.add(member)
        if member.free():
            overall = member.times.overall
            load = _octave(overall.mean_s if overall else 0.0)
            self._put(self._free, (load, len(member.tasks) / member.workers, self._sequence, member))
        elif member.workers and member.has_room_ahead(0.0):
            self._put(self._ahead, (0, member.work_s / member.workers, self._sequence, member))
        else:
            member.place = None

    def remove(self, member: Member) -> None:
        """Forgets a node."""
        member.place = None
        self._known.discard(member)
        for key in [key for key, kept in self._keys.items() if kept is member]:
            del self._keys[key]

    def choose(self, kind: int, key: int) -> Member | None:
        """The node for a task of this kind; equal non-zero keys go to one node while it has room."""
        if key:
            member = self._keys.get(key)
            if member is not None and self._fits(member, kind):
                return member
        member = self._best(self._free, kind) or self._best_ahead(kind)
        if key and member is not None and key not in self._keys:
            if len(self._keys) >= _KEYS_MAX:
                del self._keys[next(iter(self._keys))]
            self._keys[key] = member
        return member

    def _fits(self, member: Member, kind: int) -> bool:
        if member.place is None:
            return False
        if member.free():
            return True
        seconds = self._known_s(member, kind)
        return seconds is not None and member.has_room_ahead(seconds)

    def _known_s(self, member: Member, kind: int) -> float | None:
        seconds = member.times.of(kind)
        return self._fleet.of(kind) if seconds is None else seconds

    def _best(self, heap: list[_Entry], kind: int) -> Member | None:
        _drop_stale(heap)
        if not heap:
            return None
        if len(heap) == 1:
            return heap[0][3]
        best, best_rank = None, (0, 0.0, 0)
        for entry in heap[:3]:
            member = entry[3]
            if member.place is not entry:
                continue
            seconds = predict_s(kind, member.times, self._fleet) or 0.0
            trip = member.round_trip.mean_s if member.round_trip else 0.0
            rank = (_octave(seconds + trip), entry[1], entry[2])
            if best is None or rank < best_rank:
                best, best_rank = member, rank
        return best

    def _best_ahead(self, kind: int) -> Member | None:
        heap = self._ahead
        _drop_stale(heap)
        for entry in heap[:3]:
            member = entry[3]
            if member.place is entry and self._fits(member, kind):
                return member
        return None

    def _put(self, heap: list[_Entry], entry: _Entry) -> None:
        entry[3].place = entry
        heappush(heap, entry)
        if len(heap) > 4 * len(self._known) + 64:
            heap[:] = [e for e in heap if e[3].place is e]
            heapify(heap)


def _drop_stale(heap: list[_Entry]) -> None:
    while heap and heap[0][3].place is not heap[0]:
        heappop(heap)


def _octave(seconds: float) -> int:
    return round(2 * log2(seconds + 1e-5))
