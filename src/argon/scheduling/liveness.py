"""Who is still there: heartbeats both ways, and silence.

In: that bytes arrived from a peer, and the time. Out: which peers are due a heartbeat, and which have been silent too
long. It must never take load for death: any bytes count as life, and when this process itself slept through a
heartbeat the silence that it sees is its own, so one period is forgiven.
"""

from __future__ import annotations

from math import inf

from argon.settings import DEAD_AFTER_S, HEARTBEAT_S


class Liveness:
    """The heartbeat of one process towards its peers.

    Args:
        heartbeat_s: seconds between two heartbeats.
        dead_after_s: a peer silent for longer is dead.
    """

    def __init__(self, heartbeat_s: float = HEARTBEAT_S, dead_after_s: float = DEAD_AFTER_S) -> None:
        self.heartbeat_s = heartbeat_s
        self.dead_after_s = dead_after_s
        self._heard_at: dict[int, float] = {}
        self._next = inf
        self._look_at = inf

    def join(self, peer: int, now: float) -> None:
        """A peer has come."""
        self._heard_at[peer] = now
        if self._next == inf:
            self._next = self._look_at = now + self.heartbeat_s

    def leave(self, peer: int) -> None:
        """A peer is gone."""
        self._heard_at.pop(peer, None)
        if not self._heard_at:
            self._next = self._look_at = inf

    def heard(self, peer: int, now: float) -> None:
        """Bytes have come from a peer, or its silence means nothing because nothing is read from it at present."""
        if peer in self._heard_at:
            self._heard_at[peer] = now

    def peers(self) -> list[int]:
        """Every peer that is there."""
        return list(self._heard_at)

    def beat(self, now: float) -> tuple[list[int], list[int]]:
        """The peers to send a heartbeat to, and those that are dead; both empty where neither is due."""
        if now < self._look_at:
            return [], []
        due = now >= self._next
        if due:
            if now - self._next > self.heartbeat_s:  # this side has slept
                self._heard_at = dict.fromkeys(self._heard_at, now)
            self._next = now + self.heartbeat_s
        silent = [peer for peer, at in self._heard_at.items() if at + self.dead_after_s <= now]
        alive = [peer for peer in self._heard_at if peer not in silent]
        self._look_at = self._next
        for peer in alive:  # a death between two beats is not noticed a heartbeat late
            self._look_at = min(self._look_at, self._heard_at[peer] + self.dead_after_s)
        return alive if due else [], silent

    def next_deadline(self) -> float:
        """When ``beat`` has something to say; infinity for never."""
        return self._look_at
