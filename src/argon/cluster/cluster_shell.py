"""The synchronous half of a cluster: what its peers say, decisions by ``ClusterState``, what is said to them.

In: links that open, speak and end, and the time. Out: what the state decides, performed in order and flushed once per
event. It must never decide anything itself, never unpickle, and never wait: it is compiled, and coroutines are not.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, TypeAlias

from argon.net.channel import Channel
from argon.net.memory import MemoryChannel
from argon.net.timer import DeadlineTimer
from argon.protocol.handshake import Role
from argon.protocol.ids import PeerId
from argon.protocol.messages import Message
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.reporting.report import reply
from argon.scheduling.effects import Close, ClusterEffect, DiscardPayload, Report, Send, Stop
from argon.settings import ClusterSettings

Link: TypeAlias = Channel | MemoryChannel
_FEW_PEERS: Final = 8  # so few seldom speak in one turn of the loop, and waiting for its end would only delay answers
_NOBODY: Final = 0  # peers are numbered from 1
log: Final = logging.getLogger("argon.cluster")


class ClusterShell:
    """The links, and the state that they speak to.

    What the loop and the links call (``received``, ``lost``, a timer that rings) is guarded here, since it happens for
    every task: what it raises is a broken invariant. What the cluster calls, the cluster guards.

    Args:
        settings: the cluster's.
        on_stop: called when everything is answered.
        on_broken: called with what an event raised; returns whether that has ended the cluster. If not, it is raised.

    Attributes:
        state: every decision.
        strangers: connections that have not proved the token, in the order in which they came.
        links: each peer's link, by its number.
        empty: set when the last peer is gone, if somebody waits for that.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        on_stop: Callable[[], None],
        on_broken: Callable[[Exception], bool],
    ) -> None:
        self.state = ClusterState(settings, random.Random())
        self.strangers: dict[Channel, None] = {}
        self.links: dict[PeerId, Link] = {}
        self.empty: asyncio.Event | None = None
        self._on_stop = on_stop
        self._on_broken = on_broken
        self._numbers: dict[Link, PeerId] = {}
        self._last_number = 0
        self._touched: dict[Link, None] = {}
        self._flushing = False
        self._timer = DeadlineTimer(lambda: self._guarded(self._tick), self.state.next_deadline)

    # ---- called by the cluster ----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A peer has proved the token, or is in this process."""
        if isinstance(link, Channel):
            self.strangers.pop(link, None)
        self._last_number += 1
        peer = self._last_number
        self.links[peer] = link
        self._numbers[link] = peer
        role = link.role
        assert role is not None
        log.debug("peer %d connected: a %s", peer, role.name.lower())
        link.keep_alive(self.state.settings.heartbeat_s, self.state.settings.dead_after_s)
        self._perform(self.state.connected(peer, role, monotonic()))

    def drain(self, timeout_s: float) -> None:
        """Takes nothing new, and stops when what is here is finished or this time is over."""
        self._perform(self.state.drain(monotonic(), timeout_s))

    def close(self, reason: str) -> None:
        """Says goodbye to every peer, and stops the timer."""
        self._timer.cancel()
        for stranger in self.strangers:
            stranger.abort(reason)
        for link in list(self.links.values()):
            link.close(reason)

    # ---- called by the loop and the links -----------------------------------------------------------------------

    def received(self, link: Link, messages: list[Message]) -> None:
        """A peer has said these things."""
        try:  # not by _guarded, whose call is 4 % of what this process needs for a round trip
            peer = self._numbers.get(link)
            if peer is not None:
                self._perform(self.state.received(peer, messages, monotonic()))
        except Exception as error:
            if not self._on_broken(error):
                raise

    def lost(self, link: Link, reason: str) -> None:
        """A peer is gone."""
        self._guarded(self._lose, link, reason)

    def _guarded(self, event: Callable[..., None], *arguments: Any) -> None:
        """Runs one event; what it raises is a broken invariant."""
        try:
            event(*arguments)
        except Exception as error:
            if not self._on_broken(error):
                raise

    def _lose(self, link: Link, reason: str) -> None:
        peer = self._numbers.pop(link, None)
        if peer is None:
            assert isinstance(link, Channel)
            self.strangers.pop(link, None)
            log.info("a connection ended before authentication: %s", reason)
            return
        del self.links[peer]
        level = logging.INFO if link.role is Role.NODE else logging.DEBUG
        log.log(level, "peer %d disconnected: %s", peer, reason)
        self._perform(self.state.lost(peer, monotonic()))
        if not self.links and self.empty is not None:
            self.empty.set()

    def _tick(self) -> None:
        now = monotonic()
        for peer in self.state.liveness.silent(now):
            link = self.links[peer]
            if link.held_back:
                self.state.liveness.stands(peer, now)
            elif link.role is Role.CLIENT:  # it may be busy with anything: its kernel is asked
                silent_s = link.silent_for_s()
                if silent_s < self.state.settings.dead_after_s:
                    self._perform(self.state.stands(peer, now - silent_s, now))
        self._perform(self.state.tick(now))

    # ---- effects ------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[ClusterEffect]) -> None:
        """Does what the state has decided."""
        links = self.links
        peer, link = _NOBODY, None  # to whom the last effect was: most are to the same as the one before
        for effect in effects:
            if type(effect) is Send:
                if effect.peer != peer:
                    peer = effect.peer
                    link = links.get(peer)
                    if link is not None:
                        self._touched[link] = None
                if link is not None:
                    link.send(effect.message)
            elif type(effect) is Stop:
                self._on_stop()
            else:
                assert isinstance(effect, Close | DiscardPayload | Report)
                self._perform_rare(effect)
                peer = _NOBODY  # it may be gone
        if len(links) <= _FEW_PEERS:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._guarded, self._flush)

    def _flush(self) -> None:
        """Answers with one write for each peer: at once, or where there are many, at the end of a turn of the loop."""
        self._flushing = False
        for link in self._touched:
            link.flush()
        self._touched.clear()
        self._timer.arm(self.state.next_deadline())

    def _perform_rare(self, effect: Close | DiscardPayload | Report) -> None:
        link = self.links.get(effect.peer)
        if link is None:
            return
        if isinstance(effect, Report):
            link.send(reply(self.state, effect.asked, monotonic()))
            self._touched[link] = None
        elif isinstance(effect, DiscardPayload):
            link.discard_payload()
        else:
            log.info("closing the connection to peer %d: %s", effect.peer, effect.reason)
            link.close(effect.reason)
