"""A connection inside one process: what one end sends, the other end's owner receives.

In and out: messages. It has the methods of ``Channel``, so that a node that listens by itself is a cluster and a node
joined by this, and neither knows. It must never deliver while the sender is still speaking: delivery waits for the
next turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from argon.protocol.handshake import Role
from argon.protocol.messages import Goodbye, Message


class MemoryChannel:
    """One end. ``join`` makes two.

    Args:
        role: what the peer is, for the accepting end.
        on_messages: called with the messages of one flush of the other end.
        on_lost: called once, when either end has closed.
    """

    held_back = False

    def __init__(
        self,
        role: Role | None,
        on_messages: Callable[[MemoryChannel, list[Message]], None],
        on_lost: Callable[[MemoryChannel, str], None],
    ) -> None:
        self.role = role
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._peer: MemoryChannel | None = None
        self._out: list[Message] = []

    @property
    def pending(self) -> bool:
        """Whether something was sent and not flushed."""
        return bool(self._out)

    def send(self, message: Message) -> None:
        """Puts a message behind those sent before."""
        self._out.append(message)

    def flush(self) -> None:
        """Delivers what was sent, on the next turn of the loop."""
        out, self._out = self._out, []
        peer = self._peer
        if peer is not None and out:
            asyncio.get_running_loop().call_soon(peer._deliver, out)

    def silent_for_s(self) -> float:
        """Both ends are in this process, and live as long as it does."""
        return 0.0

    def has_unread(self) -> bool:
        """Nothing waits here: what was flushed comes on the next turn of the loop."""
        return False

    def keep_alive(self, heartbeat_s: float, dead_after_s: float) -> None:
        """There is nothing to probe."""

    def discard_payload(self) -> None:
        """Nothing is announced here: messages come whole."""

    def close(self, reason: str) -> None:
        """Says Goodbye and parts the two ends."""
        peer = self._peer
        if peer is None:
            return
        self.send(Goodbye(reason))
        self.flush()
        loop = asyncio.get_running_loop()
        loop.call_soon(self._part, reason)
        loop.call_soon(peer._part, reason)

    def abort(self, reason: str) -> None:
        """The same: nothing is ever on the way."""
        self.close(reason)

    def _deliver(self, messages: list[Message]) -> None:
        if self._peer is not None:
            self._on_messages(self, messages)

    def _part(self, reason: str) -> None:
        if self._peer is not None:
            self._peer = None
            self._on_lost(self, reason)


def join(one: MemoryChannel, other: MemoryChannel) -> None:
    """Connects two ends."""
    one._peer, other._peer = other, one
