"""The cluster process: connections in, decisions by ``ClusterState``, connections out.

In: what peers send. Out: what the state decides, performed in order and flushed once per event. It must never decide
anything itself, and never unpickle.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from itertools import count
from time import monotonic
from typing import Final, TypeAlias

from argon.net.channel import Channel
from argon.net.listener import listen
from argon.net.memory import MemoryChannel
from argon.net.security import find_token
from argon.net.timer import DeadlineTimer
from argon.protocol.handshake import ClusterHandshake, Role
from argon.protocol.messages import Message
from argon.roles.server import Server
from argon.scheduling.cluster_state import ClusterState
from argon.scheduling.effects import Close, ClusterEffect, DiscardPayload, Send, Stop
from argon.settings import (
    AGE_STEP_S,
    DEAD_AFTER_S,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DRAIN_TIMEOUT_S,
    HEARTBEAT_S,
    MAX_CONNECTIONS,
    MAX_PAYLOAD_BYTES,
    QUEUE_BYTES,
    QUEUE_LIMIT,
    ClusterSettings,
    check_count,
    check_seconds,
)

Link: TypeAlias = Channel | MemoryChannel
_LINGER_S: Final = 2.0
_FEW_PEERS: Final = 8  # so few seldom speak in one turn of the loop, and waiting for its end would only delay answers
log: Final = logging.getLogger("argon.cluster")


class Cluster(Server):
    """The manager of an Argon network: clients and nodes connect to it. Constructing it does not listen.

    Args:
        host: where to listen; a name or address of this machine's loopback.
        port: 0 lets the system choose; see ``address``.
        queue_limit: most tasks admitted and not yet assigned; what comes beyond is rejected.
        queue_bytes: most bytes of their payloads.
        max_payload: most bytes of one task's or one result's payload.
        drain_timeout: seconds that SIGTERM leaves for what is here to finish.
        age_step: seconds after which a waiting task counts as one priority more urgent.
        heartbeat: seconds between heartbeats.
        dead_after: a peer silent for this many seconds is dead.
        token: the shared secret's text; by default ``$ARGON_TOKEN``, else the user's token file, made if need be.

    Raises:
        ValueError: a parameter is out of its range; the message says which and what it may be.
        TokenInvalid: the token is unusable (when it starts).
        ListenRefused: it cannot listen there (when it starts).

    Example:
        >>> cluster = argon.Cluster(port=8000, queue_limit=128)  # doctest: +SKIP
        >>> cluster.start()  # doctest: +SKIP
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        queue_limit: int = QUEUE_LIMIT,
        *,
        queue_bytes: int = QUEUE_BYTES,
        max_payload: int = MAX_PAYLOAD_BYTES,
        drain_timeout: float = DRAIN_TIMEOUT_S,
        age_step: float = AGE_STEP_S,
        heartbeat: float = HEARTBEAT_S,
        dead_after: float = DEAD_AFTER_S,
        token: str | None = None,
    ) -> None:
        super().__init__(drain_timeout)
        self._host = host
        self._port = check_count("port", port, 0, 65535)
        self._token = token
        settings = ClusterSettings(
            queue_limit=check_count("queue_limit", queue_limit, 1, 10_000_000),
            queue_bytes=check_count("queue_bytes", queue_bytes, 1, 1 << 50),
            max_payload_bytes=check_count("max_payload", max_payload, 1, 1 << 31),
            age_step_s=check_seconds("age_step", age_step),
            heartbeat_s=check_seconds("heartbeat", heartbeat),
            dead_after_s=check_seconds("dead_after", dead_after),
        )
        if not settings.heartbeat_s < settings.dead_after_s:
            raise ValueError(f"dead_after ({dead_after!r}) is longer than heartbeat ({heartbeat!r})")
        self._max_payload_bytes = settings.max_payload_bytes
        self._state = ClusterState(settings, random.Random())
        self._peers = count(1)
        self._channels: dict[int, Link] = {}
        self._numbers: dict[Link, int] = {}
        self._unproved: set[Channel] = set()
        self._touched: dict[Link, None] = {}
        self._flushing = False
        self._server: asyncio.Server | None = None
        self._empty: asyncio.Event | None = None
        self._timer = DeadlineTimer(lambda: self._guarded(self._tick), self._state.next_deadline)
        self.address = ""

    def running(self) -> bool:
        """Whether it serves, or is still finishing what it has."""
        return self._stopped is not None and not self._stopped.done()

    def drain_within(self, timeout_s: float) -> None:
        """Begins to stop, on the loop's own thread: nothing new is taken, what is here has this long to finish."""
        self._drain_now(timeout_s)

    # ---- life ---------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        secret = find_token(self._token, create=True)
        self._server, self.address = await listen(self._host, self._port, lambda: self._accept(secret).as_protocol())

    def _drain_now(self, timeout_s: float) -> None:
        self._guarded(self._drain, timeout_s)

    def _drain(self, timeout_s: float) -> None:
        self._perform(self._state.drain(monotonic(), timeout_s))

    def _close(self) -> None:
        self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for stranger in self._unproved:
            stranger.abort("the cluster is shutting down")
        for channel in list(self._channels.values()):
            channel.close("the cluster is shutting down")

    async def _linger(self) -> None:
        if self._channels:
            self._empty = asyncio.Event()
            try:
                await asyncio.wait_for(self._empty.wait(), _LINGER_S)
            except TimeoutError:
                for channel in self._channels.values():
                    channel.abort("the cluster is shutting down")

    # ---- events -------------------------------------------------------------------------------------------------

    def attach(self, link: MemoryChannel) -> None:
        """Takes a peer inside this process, as if it had connected."""
        self._opened(link)

    def received(self, link: Link, messages: list[Message]) -> None:
        """A peer has said these things."""
        self._guarded(self._received, link, messages)

    def lost(self, link: Link, reason: str) -> None:
        """A peer is gone."""
        self._guarded(self._lost, link, reason)

    def _accept(self, secret: bytes) -> Channel:
        channel = Channel(
            ClusterHandshake(secret, os.urandom(32)),
            max_payload_bytes=self._max_payload_bytes,
            on_open=lambda opened: self._guarded(self._opened, opened),
            on_messages=self.received,
            on_lost=self.lost,
            hold_back=True,
        )
        self._unproved.add(channel)
        if len(self._unproved) + len(self._channels) > MAX_CONNECTIONS:
            channel.abort(f"there are {MAX_CONNECTIONS} connections already")
        return channel

    def _opened(self, link: Link) -> None:
        if isinstance(link, Channel):
            self._unproved.discard(link)
        peer = next(self._peers)
        self._channels[peer] = link
        self._numbers[link] = peer
        assert link.role is not None
        log.debug("= peer %d is a %s", peer, link.role.name.lower())
        self._perform(self._state.connected(peer, link.role, monotonic()))

    def _received(self, link: Link, messages: list[Message]) -> None:
        peer = self._numbers.get(link)
        if peer is not None:
            self._perform(self._state.received(peer, messages, monotonic()))

    def _lost(self, link: Link, reason: str) -> None:
        peer = self._numbers.pop(link, None)
        if peer is None:
            assert isinstance(link, Channel)
            self._unproved.discard(link)
            log.info("x a connection was refused: %s", reason)
            return
        del self._channels[peer]
        level = logging.INFO if link.role is Role.NODE else logging.DEBUG
        log.log(level, "x peer %d is gone: %s", peer, reason)
        self._perform(self._state.lost(peer, monotonic()))
        if not self._channels and self._empty is not None:
            self._empty.set()

    def _tick(self) -> None:
        now = monotonic()
        for peer, link in self._channels.items():
            if link.held_back:
                self._state.held_back(peer, now)
        self._perform(self._state.tick(now))

    # ---- effects ------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[ClusterEffect]) -> None:
        channels, touched = self._channels, self._touched
        for effect in effects:
            if type(effect) is Send:
                channel = channels.get(effect.peer)
                if channel is not None:
                    channel.send(effect.message)
                    touched[channel] = None
            elif type(effect) is Stop:
                self._stop()
            else:
                assert isinstance(effect, Close | DiscardPayload)
                self._perform_rare(effect)
        if len(self._channels) <= _FEW_PEERS:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._guarded, self._flush)

    def _flush(self) -> None:
        """Answers with one write for each peer: at once, or where there are many, at the end of a turn of the loop."""
        self._flushing = False
        for channel in self._touched:
            channel.flush()
        self._touched.clear()
        self._timer.arm(self._state.next_deadline())

    def _perform_rare(self, effect: Close | DiscardPayload) -> None:
        channel = self._channels.get(effect.peer)
        if channel is None:
            return
        if isinstance(effect, DiscardPayload):
            channel.discard_payload()
        else:
            log.info("x closing peer %d: %s", effect.peer, effect.reason)
            channel.close(effect.reason)
