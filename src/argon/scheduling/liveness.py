"""Which peers are alive: heartbeats both ways, and silence.

In: that bytes arrived from a peer, that its connection stands, and the time. Out: to which peers a heartbeat is due,
and which have been silent for too long. It must never take load for death: any bytes prove that a peer is alive, and
before one is given up, the shell is asked whether its silence means anything. When this process itself was stopped for
longer than a heartbeat, it has read nothing meanwhile, so the silence of its peers is counted anew.
"""

from __future__ import annotations

from math import inf

from argon.protocol.ids import PeerId
from argon.protocol.messages import Welcome
from argon.settings import DEAD_AFTER_S, HEARTBEAT_S, PeerLiveness


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
        self._awake_since = 0.0

    @staticmethod
    def of_cluster(welcome: Welcome, wanted: PeerLiveness) -> Liveness:
        """That of a peer with its cluster: what the peer wants, in so far as the cluster's heartbeats allow it."""
        heartbeat_s, dead_after_s = welcome.heartbeat_s, welcome.dead_after_s
        if wanted.heartbeat_s is not None:
            heartbeat_s = min(heartbeat_s, wanted.heartbeat_s)
        if wanted.dead_after_s is not None:
            dead_after_s = max(wanted.dead_after_s, 2.0 * welcome.heartbeat_s)
        return Liveness(heartbeat_s, dead_after_s)

    def join(self, peer: PeerId, now: float) -> None:
        """Adds a peer."""
        self._heard_at[peer] = now
        if self._next_beat == inf:
            self._next_beat = self._next_look = now + self.heartbeat_s
            self._awake_since = now

    def leave(self, peer: PeerId) -> None:
        """Removes a peer."""
        self._heard_at.pop(peer, None)
        if not self._heard_at:
            self._next_beat = self._next_look = inf

    def heard(self, peer: PeerId, now: float) -> None:
        """Notes that bytes arrived from a peer."""
        if peer in self._heard_at:
            self._heard_at[peer] = now

    def silent(self, now: float) -> list[PeerId]:
        """The peers that ``beat`` would call dead: of each, the shell may say before that it stands."""
        if now < self._next_look:
            return []
        return [peer for peer, at in self._heard_at.items() if at + self.dead_after_s <= now]

    def stands(self, peer: PeerId, at: float) -> None:
        """Notes that the silence of a peer until this moment means nothing: the kernel says that its connection stood,
        or something from it was not read."""
        if self._heard_at.get(peer, inf) < at:
            self._heard_at[peer] = at

    def peers(self) -> list[PeerId]:
        """All peers."""
        return list(self._heard_at)

    def is_steady(self, now: float) -> bool:
        """Whether every heartbeat was sent in time for as long as a peer may be silent, up to now."""
        return not self._is_late(now) and now - self._awake_since >= self.dead_after_s

    def beat(self, now: float) -> tuple[list[PeerId], list[PeerId]]:
        """The peers to which a heartbeat is due, and those that are dead."""
        if now < self._next_look:
            return [], []
        due = now >= self._next_beat
        if due:
            if now - self._next_beat > self.heartbeat_s:  # this process was stopped
                self._heard_at = dict.fromkeys(self._heard_at, now)
            if self._is_late(now):
                self._awake_since = now
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

    def _is_late(self, now: float) -> bool:
        return now - self._next_beat > self.heartbeat_s / 4.0
