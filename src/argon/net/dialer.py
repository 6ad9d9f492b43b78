"""Dialling: from an address to a connection that has been welcomed, again and again for as long as it is wanted.

In: the cluster's address, a role, the token. Out: an open channel with the cluster's Welcome, each time it succeeds;
the reason, each time it does not. It must never hammer a cluster that is down: pauses grow to half a minute, with
full jitter.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable
from typing import Final

from argon.errors import AuthenticationFailed, ConnectionFailed
from argon.net.channel import Channel
from argon.net.forked_sockets import keep_from_children, let_go
from argon.net.unix_socket import connect_beside
from argon.protocol.handshake import PeerHandshake, Role
from argon.protocol.messages import Message, Welcome
from argon.settings import HELLO_TIMEOUT_S, RECONNECT_MAX_S, RECONNECT_MIN_S, parse_address

_STABLE_S: Final = 60.0
_CLOSE_WITHIN_S: Final = 2.0
_FIRST_PAUSE_MAX_S: Final = 1.0  # somebody waits for the first connection
_PAUSE_GROWTH: Final = 1.25  # so that a pause is seldom longer than half the time for which the cluster has been away


class Dialer:
    """Keeps one connection to a cluster.

    Args:
        address: ``host:port``.
        role: what this side is.
        token: the shared secret.
        on_up: called with the channel and the Welcome of each new connection.
        on_messages: called with the messages of one read.
        on_down: called when an open connection is lost, with the reason.
        on_failure: called when an attempt to connect fails, with the exception.

    Attributes:
        hopeless: whether the last attempt has failed for a reason that the next one will not change.
    """

    def __init__(
        self,
        address: str,
        role: Role,
        token: bytes,
        *,
        on_up: Callable[[Channel, Welcome], None],
        on_messages: Callable[[Channel, list[Message]], None],
        on_down: Callable[[Channel, str], None],
        on_failure: Callable[[ConnectionFailed | AuthenticationFailed], None] | None = None,
    ) -> None:
        self.address = address
        self._host, self._port = parse_address(address)
        self._role = role
        self._token = token
        self._on_up = on_up
        self._on_messages = on_messages
        self._on_down = on_down
        self._on_failure = on_failure
        self._down: asyncio.Future[str] | None = None
        self._welcomed: asyncio.Future[str | None] | None = None  # with the reason why it was not
        self._channel: Channel | None = None
        self.hopeless = False

    async def connect(self) -> None:
        """Connects once.

        Raises:
            ConnectionFailed: nobody answers there, not in time, or not a cluster. Start one, or try again.
            AuthenticationFailed: the tokens differ.
        """
        loop = asyncio.get_running_loop()
        self._welcomed, self._down = loop.create_future(), None
        self.hopeless = False
        channel = self._make_channel(PeerHandshake(self._token, self._role, os.urandom(32)))
        failed = "did not accept the connection in time"
        try:
            # No wait_for(): before Python 3.12 it forgets a cancel that comes at the same moment as the welcome.
            async with asyncio.timeout(2 * HELLO_TIMEOUT_S):
                await self._reach(channel)
                failed = "accepted the connection, but did not complete the handshake in time"
                reason = await self._welcomed
        except TimeoutError:
            reason = "it took too long"
            self._give_up(channel, reason)
        except asyncio.CancelledError:
            self._give_up(channel, "gave up")
            raise
        else:
            failed = ""
        # Not where the TimeoutError is at hand: an exception has that as its context, and with it the task itself.
        if failed:
            raise ConnectionFailed(
                f"{self.address} {failed}; it is overloaded, stopped, or not an Argon cluster", address=self.address
            )
        if reason is not None:
            raise self._failure(channel, reason)

    async def connect_within(self, timeout_s: float) -> None:
        """Connects, and tries again for so long if that fails for a reason that may pass.

        Raises:
            ConnectionFailed: it did not succeed in this time, or never will. The message has the last reason.
            AuthenticationFailed: the tokens differ.
        """
        failures = 0
        last = ""  # not the exception, which would hold this frame
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await self.connect()
                    except ConnectionFailed as failure:
                        if self.hopeless:
                            raise
                        last = str(failure)
                        failures += 1
                        await asyncio.sleep(min(_FIRST_PAUSE_MAX_S, _pause_s(failures)))
        except TimeoutError:
            pass  # what is raised here would hold the task, as in connect()
        tried = f"tried for {timeout_s:g} s, {failures} time{'s' if failures > 1 else ''}"
        text = f"{last}; {tried}" if last else f"no answer from {self.address} within {timeout_s:g} s"
        raise ConnectionFailed(text, address=self.address)

    async def keep(self) -> None:
        """Stays connected: waits for the loss of the connection and connects anew, for ever."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            if self._down is not None:
                since = loop.time()
                await asyncio.wait([self._down])  # it outlives a cancel: wait_closed() waits for it, too
                failures = 0 if loop.time() - since > _STABLE_S else failures + 1
                await asyncio.sleep(_pause_s(failures))
            try:
                await self.connect()
            except (ConnectionFailed, AuthenticationFailed) as failure:
                if self._on_failure is not None:
                    self._on_failure(failure)
                failures += 1
                await asyncio.sleep(_pause_s(failures))

    def close(self, reason: str) -> None:
        """Ends the connection, if there is one."""
        if self._channel is not None:
            self._channel.close(reason)

    def abandon(self) -> None:
        """Ends the connection without the event loop, which is closed."""
        channel = self._channel
        if channel is not None and (sock := channel.open_socket()) is not None:
            let_go(sock)

    async def wait_closed(self, timeout_s: float = _CLOSE_WITHIN_S) -> None:
        """Waits until the connection has ended, and ends it harder when it has not by then."""
        if self._down is None:
            return
        await asyncio.wait([self._down], timeout=timeout_s)
        if self._channel is not None:
            self._channel.abort("closing took too long")

    async def _reach(self, channel: Channel) -> None:
        """Has the channel connected, or says why that cannot be."""
        try:
            transport = await self._transport(channel)
            own, other = (transport.get_extra_info(name) for name in ("sockname", "peername"))
            if type(own) is type(other) and own == other:
                self._give_up(channel, "it was connected to itself")  # as the system may do where nobody listens
                raise OSError
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:  # a ValueError for what cannot be a name at all
            self.hopeless = isinstance(error, ValueError)
            raise ConnectionFailed(
                f"no Argon cluster at {self.address} ({_why(error)}); start one with: argon cluster",
                address=self.address,
            ) from None

    def _give_up(self, channel: Channel, reason: str) -> None:
        """Ends a connection that is not open yet; nobody waits for its welcome any more."""
        assert self._welcomed is not None
        self._welcomed.cancel()
        channel.abort(reason)

    async def _transport(self, channel: Channel) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        beside = connect_beside(self._host, self._port)
        if beside is not None:
            transport, _ = await loop.create_unix_connection(channel.as_protocol, sock=beside)
        else:
            transport, _ = await loop.create_connection(channel.as_protocol, self._host, self._port)
        return transport

    def _make_channel(self, handshake: PeerHandshake) -> Channel:
        return Channel(
            handshake,
            max_payload_bytes=0,  # none comes before the Welcome, which says how large they may be
            on_open=self._opened,
            on_messages=self._first_messages,
            on_lost=self._lost,
        )

    def _opened(self, channel: Channel) -> None:
        self._channel = channel

    def _first_messages(self, channel: Channel, messages: list[Message]) -> None:
        assert self._welcomed is not None
        if self._welcomed.done() or not messages:
            return  # too late, since the connection is being given up, or too early
        first = messages[0]
        if not isinstance(first, Welcome):
            channel.abort("the cluster did not begin with a welcome")
            return
        self._welcomed.set_result(None)
        self._down = asyncio.get_running_loop().create_future()
        channel.limit_payloads(first.max_payload_bytes)
        channel.keep_alive(first.heartbeat_s, first.dead_after_s)
        if (sock := channel.open_socket()) is not None:
            keep_from_children(sock)
        channel.deliver_to(self._on_messages)
        self._on_up(channel, first)
        if len(messages) > 1:
            self._on_messages(channel, messages[1:])

    def _lost(self, channel: Channel, reason: str) -> None:
        self._channel = None
        assert self._welcomed is not None
        if not self._welcomed.done():
            self._welcomed.set_result(reason)
        elif self._down is not None and not self._down.done():
            self._down.set_result(reason)
            self._on_down(channel, reason)

    def _failure(self, channel: Channel, reason: str) -> ConnectionFailed | AuthenticationFailed:
        self.hopeless = channel.handshake_failure is not None  # it is no cluster, or one of another version
        if channel.handshake_failure is not None and channel.handshake_failure.authentication:
            return AuthenticationFailed(
                f"the token is not that of the cluster at {self.address}; use the token file of the cluster, or set "
                "ARGON_TOKEN to its token",
                address=self.address,
            )
        return ConnectionFailed(f"the connection to {self.address} failed: {reason}", address=self.address)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    if isinstance(error, OSError):  # without a number it is about several addresses, each with its own
        return os.strerror(error.errno) if error.errno else "nobody listens there"
    return "that is not a host name"


def _pause_s(failures: int) -> float:
    """Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), never quite zero."""
    ceiling = min(RECONNECT_MAX_S, RECONNECT_MIN_S * _PAUSE_GROWTH ** min(failures, 100))
    return random.uniform(RECONNECT_MIN_S / 2, ceiling)
