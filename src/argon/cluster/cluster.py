"""The cluster process: its parameters, and its life around a ``ClusterShell``.

In: the owner's parameters, and connections. Out: each connection, once its peer has proved the token, handed to the
shell, which does what happens for every task. It must never decide anything itself, and never unpickle.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from argon.cluster.cluster_shell import ClusterShell
from argon.net.acceptor import Acceptor
from argon.net.channel import Channel
from argon.net.listener import listen
from argon.net.memory import MemoryChannel, join
from argon.net.security import find_token
from argon.net.slow_readers import SlowReaders
from argon.process.server import Server
from argon.protocol.handshake import ClusterHandshake, Role
from argon.settings import (
    AGE_STEP_S,
    CLIENT_LIMIT,
    DEAD_AFTER_S,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DRAIN_TIMEOUT_S,
    HEARTBEAT_S,
    MAX_CONNECTIONS,
    MAX_PAYLOAD_BYTES,
    MIN_MAX_PAYLOAD_BYTES,
    OUT_BUFFER_STALL_S,
    OUT_BUFFERS_BYTES,
    QUEUE_BYTES,
    QUEUE_LIMIT,
    ClusterSettings,
    check_count,
    check_queue_target,
    check_seconds,
)

_LINGER_S: Final = 2.0
_SLOW_READERS_EVERY_S: Final = 1.0
_LEAVING: Final = "the cluster is shutting down"


class Cluster(Server):
    """The cluster process, to which clients and nodes connect. The constructor does not listen; ``start()`` does.

    Args:
        host: name or address to listen on, ``localhost`` by default. It must be a loopback address of this machine.
        port: port to listen on, 8000 by default. 0 lets the system choose; ``address`` then has the number.
        queue_limit: how many tasks may wait in the queue, 128 by default. More are rejected.
        queue_bytes: how many bytes the payloads of these tasks may have together, 256 MiB by default.
        queue_target_ms: how long tasks may wait in the queue before new ones are rejected, in milliseconds. ``"auto"``
            (the default) for twice the mean run time, at least 25 ms; ``"off"`` for no limit.
        client_limit: how many tasks one client may have in the cluster, None (the default) for its fair share.
        max_payload: how many bytes the payload of one task or of one result may have, 64 MiB by default.
        drain_timeout: seconds that tasks may take to finish after SIGTERM or ``drain()``, 30 by default.
        age_step: seconds of waiting, also in its client, after which a task counts as one priority more urgent; 1 by
            default.
        heartbeat: seconds between heartbeats, 5 by default.
        dead_after: seconds of silence after which a peer counts as dead, 15 by default. Longer than ``heartbeat``. Of a
            node the process is meant; of a client its machine: one that only is busy, or stopped, keeps its tasks.
        token: the token, as text; by default that of ``$ARGON_TOKEN``, else that of the user's token file, which is
            made if there is none.

    Raises:
        ValueError: a parameter is out of its range. The message has its name and what it may be.
        TokenInvalid: the token cannot be used (when it starts). The message says what to do.
        ListenRefused: it cannot listen there (when it starts). The message says what to do.

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
        queue_target_ms: float | str = "auto",
        client_limit: int | None = None,
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
            queue_target_s=check_queue_target(queue_target_ms),
            client_limit=check_count(
                "client_limit", CLIENT_LIMIT if client_limit is None else client_limit, 1, 1 << 30
            ),
            max_payload_bytes=check_count("max_payload", max_payload, MIN_MAX_PAYLOAD_BYTES, 1 << 31),
            age_step_s=check_seconds("age_step", age_step),
            heartbeat_s=check_seconds("heartbeat", heartbeat),
            dead_after_s=check_seconds("dead_after", dead_after),
        )
        if not settings.heartbeat_s < settings.dead_after_s:
            raise ValueError(f"dead_after ({dead_after!r}) must be longer than heartbeat ({heartbeat!r})")
        self._max_payload_bytes = settings.max_payload_bytes
        self._shell = ClusterShell(settings, self._stop, self._broken)
        self._acceptor: Acceptor | None = None
        self._slow_readers = SlowReaders(OUT_BUFFERS_BYTES, OUT_BUFFER_STALL_S)
        self._slow_readers_timer: asyncio.TimerHandle | None = None
        self.address = ""

    def running(self) -> bool:
        """Whether it serves, or is still finishing what it has."""
        return self._stopped is not None and not self._stopped.done()

    def drain_within(self, timeout_s: float) -> None:
        """Begins to stop, on the loop's own thread: no new tasks are admitted, and the others have this long to end."""
        self._drain_now(timeout_s)

    # ---- life ---------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        secret = find_token(self._token, create=True)
        self._acceptor, self.address = listen(self._host, self._port, lambda: self._accept(secret).as_protocol())
        self._cut_off_slow()

    def _drain_now(self, timeout_s: float) -> None:
        self._guarded(self._shell.drain, timeout_s)

    def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        if self._slow_readers_timer is not None:
            self._slow_readers_timer.cancel()
        self._shell.close(_LEAVING)

    async def _linger(self) -> None:
        if self._shell.links:
            self._shell.empty = empty = asyncio.Event()
            try:
                async with asyncio.timeout(_LINGER_S):
                    await empty.wait()
            except TimeoutError:
                for link in self._shell.links.values():
                    link.abort(_LEAVING)

    # ---- peers --------------------------------------------------------------------------------------------------

    def attach(self, node: MemoryChannel) -> None:
        """Takes a node inside this process, as if it had connected."""
        link = MemoryChannel(Role.NODE, self._shell.received, self._shell.lost)
        join(node, link)
        self._shell.opened(link)

    def _accept(self, secret: bytes) -> Channel:
        channel = Channel(
            ClusterHandshake(secret, os.urandom(32)),
            max_payload_bytes=self._max_payload_bytes,
            on_open=lambda opened: self._guarded(self._shell.opened, opened),
            on_messages=self._shell.received,
            on_lost=self._shell.lost,
            hold_back=True,
        )
        strangers = self._shell.strangers
        strangers[channel] = None
        if len(strangers) + len(self._shell.links) > MAX_CONNECTIONS:
            silent = next(iter(strangers))  # who means well proves the token at once, and so has gone from here
            del strangers[silent]
            silent.abort(
                f"there are {MAX_CONNECTIONS} connections, and this one has waited longest for its proof of the token"
            )
        return channel

    def _cut_off_slow(self) -> None:
        loop = asyncio.get_running_loop()
        self._slow_readers_timer = loop.call_later(_SLOW_READERS_EVERY_S, self._cut_off_slow)
        channels = [link for link in self._shell.links.values() if isinstance(link, Channel)]
        for channel in self._slow_readers.too_slow(channels, loop.time()):
            channel.abort("it reads too slowly, and the answers that wait for all clients take too much memory")
