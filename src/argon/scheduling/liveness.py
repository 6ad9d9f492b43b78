"""Which peers are alive: heartbeats both ways, and silence.

In: that bytes arrived from a peer, and the time. Out: to which peers a heartbeat is due, and which have been silent for
too long. It must never take load for death: any bytes prove that a peer is alive. When this process itself was stopped
for longer than a heartbeat, it has read nothing meanwhile, so the silence of its peers is counted anew.
"""

from __future__ import annotations

from math import inf

from argon.protocol.ids import PeerId
from argon.settings import DEAD_AFTER_S, HEARTBEAT_S


class Liveness:
    """The heartbeats of one process to its peers, and theirs to it.

    Args:
        heartbeat_s: seconds between two heartbeats.
        dead_after_s: a peer that is silent for longer is dead.
    """

    def __init__(self, heartbeat_s: float = HEARTBEAT_S, dead_after_s: float = DEAD_AFTER_S) -> None:
        self.heartbeat_s = heartbeat_s
        self.dead_after_s = dead_after_s
        self._heard_at: dict[PeerId, float] = {}
        self._next_beat = inf
        self._next_look = inf

    def join(self, peer: PeerId, now: float) -> None:
        """Adds a peer."""
        self._heard_at[peer] = now
        if self._next_beat == inf:
            self._next_beat = self._next_look = now + self.heartbeat_s

    def leave(self, peer: PeerId) -> None:
        """Removes a peer."""
        self._heard_at.pop(peer, None)
        if not self._heard_at:
            self._next_beat = self._next_look = inf

    def heard(self, peer: PeerId, now: float) -> None:
        """Notes that bytes arrived from a peer, or that its silence means nothing, since we read nothing from it."""
        if peer in self._heard_at:
            self._heard_at[peer] = now

    def peers(self) -> list[PeerId]:
        """All peers."""
        return list(self._heard_at)

    def beat(self, now: float) -> tuple[list[PeerId], list[PeerId]]:
        """The peers to which a heartbeat is due, and those that are dead."""
        if now < self._next_look:
            return [], []
        due = now >= self._next_beat
        if due:
            if now - self._next_beat > self.heartbeat_s:  # this process was stopped
                self._heard_at = dict.fromkeys(self._heard_at, now)
            self._next_beat = now + self.heartbeat_s
        silent = [peer for peer, at in self._heard_at.items() if at + self.dead_after_s <= now]
        alive = [peer for peer in self._heard_at if peer not in silent]
        self._next_look = self._next_beat
        for peer in alive:  # else a death between two heartbeats would be noticed late
            self._next_look = min(self._next_look, self._heard_at[peer] + self.dead_after_s)
        return alive if due else [], silent

    def next_deadline(self) -> float:
        """When ``beat`` must be called; infinity for never."""
        return self._next_look
