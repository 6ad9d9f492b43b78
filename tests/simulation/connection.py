"""A connection between the cluster and one of the others, with what `argon.net.channel` does when nobody reads.

In: streams that fill up. Out: the cluster stops reading from a peer that does not read, and either side hangs up on one
that takes nothing for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argon.protocol.messages import Goodbye
from tests.simulation.network import Stream

if TYPE_CHECKING:
    from tests.simulation.cluster_actor import ClusterActor
    from tests.simulation.host_actor import HostActor
    from tests.simulation.scenario import Scenario

OUT_BUFFER_STALL_S = 2.0  # two thirds of the silence that is death, as in `argon.settings`


class Connection:
    """One connection.

    Attributes:
        peer: what the cluster calls it.
        open: whether nobody has ended it yet.
        held_back: whether the cluster does not read from it at present.
        left_in_time: whether the node behind it drained and left before it had to.
    """

    def __init__(self, scenario: Scenario, cluster: ClusterActor, host: HostActor, peer: int) -> None:
        limit, splits = cluster.settings.max_payload_bytes, scenario.plan.has("splits")
        self.peer = peer
        self.host = host
        self.cluster = cluster
        self.open = True
        self.held_back = False
        self.left_in_time = False
        agenda, rng = scenario.agenda, scenario.rng
        self.to_cluster = Stream(
            agenda, rng, limit, lambda data: cluster.hears(self, data), splits, self._host_has_written_much
        )
        self.to_host = Stream(
            agenda, rng, limit, lambda data: host.hears(self, data), splits, self._cluster_has_written_much
        )
        self._cut_at: float | None = None
        self._scenario = scenario

    def streams(self) -> list[Stream]:
        """Both directions."""
        return [self.to_cluster, self.to_host]

    def cut(self, silently: bool) -> None:
        """The connection breaks; either side learns of it later, or not at all."""
        if not self.open:
            return
        self.open = False
        self._cut_at = self._scenario.agenda.now
        self.to_cluster.dead = self.to_host.dead = True
        if not silently:
            agenda, rng = self._scenario.agenda, self._scenario.rng
            agenda.after(rng.uniform(0.0, 0.05), self.cluster.hears, self, None)
            agenda.after(rng.uniform(0.0, 0.05), self.host.hears, self, None)

    def silent_for_s(self) -> float:
        """For how long the host's kernel has owed an answer: whatever its process does, only a way that lets nothing
        through keeps its answers away."""
        moments = [self._cut_at, *(stream.blocked_at() for stream in self.streams())]
        return max(0.0, *(self._scenario.agenda.now - moment for moment in moments if moment is not None), 0.0)

    def close_from(self, out: Stream, back: Stream, reason: str) -> None:
        """One side says goodbye and hangs up; nothing more reaches it."""
        back.dead = True
        if self.open:
            self.open = False
            out.say(Goodbye(reason))
            out.end()

    def _cluster_has_written_much(self, full: bool) -> None:
        self.held_back = full
        self._scenario.saw("holds_back" if full else "reads_on", self)
        self.to_cluster.take(0 if full else None)
        if full:
            self._expect_progress(self.cluster, self.to_host)

    def _host_has_written_much(self, full: bool) -> None:
        if full:
            self._expect_progress(self.host, self.to_cluster)

    def _expect_progress(self, writer: ClusterActor | HostActor, out: Stream) -> None:
        self._scenario.agenda.after(OUT_BUFFER_STALL_S, self._watch, writer, out, out.read_bytes)

    def _watch(self, writer: ClusterActor | HostActor, out: Stream, read_bytes: int) -> None:
        """Whoever takes nothing of a full buffer for a while is cut off."""
        if not out.full or not writer.soon(self._watch, writer, out, read_bytes):
            return
        if out.read_bytes > read_bytes:
            self._expect_progress(writer, out)
            return
        self.cut(silently=False)
        writer.hears(self, None)
