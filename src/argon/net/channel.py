"""One connection: handshake, then messages both ways.

In: bytes from the transport, messages to send. Out: messages, through callbacks, all those of one read at a time. It
must never decode anything before the token is proved, never grow without bound for a peer that does not read, and
never decide about a task.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from math import inf
from typing import Final, TypeAlias, cast

from argon.net import kernel_liveness
from argon.protocol.codec import ProtocolViolation, encode, submits_in
from argon.protocol.fragments import Fragments
from argon.protocol.framing import Framing
from argon.protocol.handshake import ClusterHandshake, HandshakeFailed, PeerHandshake, Role
from argon.protocol.messages import Goodbye, Message, Submit
from argon.settings import HELLO_TIMEOUT_S, OUT_BUFFER_BYTES, OUT_BUFFER_STALL_S

LARGE_BYTES: Final = 64 << 10
_TRANSPORT_BYTES: Final = 1 << 20  # enough for the transport to be busy until it asks for more
_CLOSE_PATIENCE_S: Final = 5.0
_UNIX_SEND_BUFFER_BYTES: Final = 1 << 20

Handshake: TypeAlias = ClusterHandshake | PeerHandshake


class Channel:
    """One connection, on either side.

    It has the methods of an ``asyncio.Protocol`` without being one by inheritance, so that it can be compiled.

    Args:
        handshake: proves the token; the accepting or the dialling one.
        max_payload_bytes: most bytes of one payload that may come in.
        on_open: called once the token is proved.
        on_messages: called with the messages of one read, in order; with none if it was but a part of one.
        on_lost: called once, when the connection is gone or was never opened, with the reason.
        hold_back: stop reading from the peer while it does not read what was sent to it.

    Attributes:
        role: what the peer is, once the token is proved (accepting side only).
        held_back: whether nothing is read from the peer at present.
        handshake_failure: set if the handshake has ended the connection.
    """

    def __init__(
        self,
        handshake: Handshake,
        *,
        max_payload_bytes: int,
        on_open: Callable[[Channel], None],
        on_messages: Callable[[Channel, list[Message]], None],
        on_lost: Callable[[Channel, str], None],
        hold_back: bool = False,
    ) -> None:
        self._handshake: Handshake | None = handshake
        self._framing = Framing(max_payload_bytes)
        self._on_open = on_open
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._hold_back = hold_back
        self._transport: asyncio.Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sock: socket.socket | None = None
        self._handshake_timer: asyncio.TimerHandle | None = None  # until the token is proved
        self._stall_timer: asyncio.TimerHandle | None = None  # while the peer does not read
        self._closing_timer: asyncio.TimerHandle | None = None  # until what was sent has left, from either side's end
        self._out: list[bytes] = []
        self._large: Fragments | None = None  # waits behind what is small
        self._paused = False  # the transport has enough for now
        self._stalled = False  # so much waits that the peer counts as one that does not read
        self._written_bytes = 0
        self._drained_bytes = -1  # nothing is known yet
        self._reason = ""
        self.role: Role | None = None
        self.held_back = False
        self.handshake_failure: HandshakeFailed | None = None

    # ---- sent to the peer ---------------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """Whether something was sent and not flushed."""
        return bool(self._out) or self._large is not None

    def send(self, message: Message) -> None:
        """Sends a message; ``flush`` writes all at once. What is small may leave before what is large."""
        header, payload = encode(message)
        large = self._large
        small = isinstance(payload, bytes) and len(payload) < LARGE_BYTES
        if not small or (large is not None and not large.passes(message)):
            if large is None:
                self._large = large = Fragments()
            large.put(message, header, payload)
            return
        self._out.append(header)
        if payload:
            self._out.append(cast(bytes, payload))

    def flush(self) -> None:
        """Writes what is small, joined, and of what is large as much as the transport takes, never copied."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        out, self._out = self._out, []
        if out:
            data = b"".join(out)
            self._written_bytes += len(data)
            transport.write(data)
        if self._large is not None:
            self._write_large(transport, self._large)
        if self._paused and not transport.is_closing():
            self._check_backpressure(transport)

    def flow(self) -> tuple[int, int]:
        """How many bytes have left for the peer so far, and how many wait."""
        unwritten = 0 if self._large is None else self._large.size_bytes
        waiting = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self._written_bytes - waiting, waiting + unwritten

    def unsent_submits(self) -> list[int]:
        """The ids of the tasks whose bytes have not all left this object. At its end, they never will."""
        large = [] if self._large is None else self._large.messages()
        return [*submits_in(b"".join(self._out)), *(message.id for message in large if isinstance(message, Submit))]

    def discard_payload(self) -> None:
        """Does not keep the payload that the peer has announced."""
        self._framing.discard()

    def limit_payloads(self, max_payload_bytes: int) -> None:
        """From the next read on, a payload that comes in may be this large."""
        self._framing.limit_payloads(max_payload_bytes)

    def close(self, reason: str) -> None:
        """Says Goodbye, and closes once everything has left or the peer has had a few seconds to take it."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._reason = self._reason or reason
        if self._handshake is None:
            self.send(Goodbye(reason))
            self.flush()
            if self._large is not None:
                self._write_large(transport, self._large, everything=True)
        transport.close()
        self._abort_unless_closed(transport)

    def abort(self, reason: str) -> None:
        """Ends the connection at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def deliver_to(self, on_messages: Callable[[Channel, list[Message]], None]) -> None:
        """From the next read on, messages go there."""
        self._on_messages = on_messages

    def as_protocol(self) -> asyncio.Protocol:
        """Itself, as what asyncio's functions ask for."""
        return cast(asyncio.Protocol, self)

    # ---- what the kernel knows ----------------------------------------------------------------------------------

    def open_socket(self) -> socket.socket | None:
        """The socket, until the connection is over or closing."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else self._sock

    def keep_alive(self, heartbeat_s: float, dead_after_s: float) -> None:
        """Has the kernel look after the connection, whatever this process does."""
        sock = self.open_socket()
        if sock is not None:
            kernel_liveness.keep_alive(sock, heartbeat_s, dead_after_s)

    def silent_for_s(self) -> float:
        """For how long the peer's kernel has owed an answer: infinity if the connection is over."""
        sock = self.open_socket()
        return inf if sock is None else kernel_liveness.silent_for_s(sock)

    def has_unread(self) -> bool:
        """Whether something has come that this process has not read yet."""
        sock = self.open_socket()
        return sock is not None and kernel_liveness.has_unread(sock)

    def is_cut_off(self) -> bool:
        """Whether the peer's end is closed, so that nothing sent from now on would be read."""
        sock = self.open_socket()
        return sock is None or kernel_liveness.is_cut_off(sock)

    # ---- called by the transport --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._sock = sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif sock is not None:
            sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, _UNIX_SEND_BUFFER_BYTES
            )  # TCP finds its size by itself
        if self._reason:  # it was ended before it was made
            transport.abort()
            return
        transport.set_write_buffer_limits(high=min(_TRANSPORT_BYTES, OUT_BUFFER_BYTES))
        self._loop = loop = asyncio.get_running_loop()
        self._handshake_timer = loop.call_later(HELLO_TIMEOUT_S, self.abort, "no handshake in time")
        if self._handshake is not None and (opening := self._handshake.opening()):
            transport.write(opening)

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None:
            data = self._shake_hands(self._handshake, data)
            if not data:
                return
        framing = self._framing
        try:
            self._on_messages(self, framing.feed(data))
            while framing.stopped:
                self._on_messages(self, framing.feed(b""))
        except ProtocolViolation as violation:
            self.close(violation.reason)

    def eof_received(self) -> None:
        """Nothing more will come: the transport closes once what it has is written, or when that takes too long."""
        if self._transport is not None:
            self._abort_unless_closed(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        reason = self._reason or (str(exc) if exc else "the peer closed the connection")
        if self._framing.unfinished():
            reason += " inside a frame"
        self._transport = None
        self._on_lost(self, reason)
        self._large = None
        self._out.clear()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._large is not None:
            self._write_large(transport, self._large)
        if self._stalled:
            self._check_backpressure(transport)

    # ---- private ------------------------------------------------------------------------------------------------

    def _shake_hands(self, handshake: Handshake, data: bytes) -> bytes:
        """Feeds the handshake; returns what came behind it once it is done."""
        assert self._transport is not None
        try:
            answer = handshake.feed(data)
        except HandshakeFailed as failure:
            self.handshake_failure = failure
            self._transport.write(failure.answer)
            self.close(failure.reason)
            return b""
        if answer:
            self._transport.write(answer)
        if not handshake.done:
            return b""
        self.role = handshake.peer_role
        self._handshake = None
        _cancel(self._handshake_timer)
        self._on_open(self)
        return handshake.rest

    def _write_large(self, transport: asyncio.Transport, large: Fragments, everything: bool = False) -> None:
        """Writes what is large until the transport has enough, or is found to be broken."""
        while (everything or not self._paused) and not transport.is_closing():
            pieces = large.take()
            if not pieces:
                self._large = None
                return
            small: list[bytes | memoryview] = []
            for piece in pieces:
                self._written_bytes += len(piece)
                if len(piece) < LARGE_BYTES:
                    small.append(piece)
                    continue
                transport.write(b"".join(small))
                transport.write(piece)
                small.clear()
            transport.write(b"".join(small))

    def _check_backpressure(self, transport: asyncio.Transport) -> None:
        """Holds back a peer that does not take what is sent to it, and lets it go on when it has."""
        unsent = transport.get_write_buffer_size()
        if self._large is not None:
            unsent += self._large.size_bytes
        if not self._stalled and unsent > OUT_BUFFER_BYTES:
            self._stalled = True
            if self._hold_back:
                self.held_back = True
                transport.pause_reading()
            self._check_progress()
        elif self._stalled and unsent <= OUT_BUFFER_BYTES // 4:
            self._stalled = False
            _cancel(self._stall_timer)
            if self.held_back:
                self.held_back = False
                transport.resume_reading()

    def _check_progress(self) -> None:
        """A peer that takes nothing of a full buffer for a while is cut off."""
        if self._transport is None:
            return
        drained = self._written_bytes - self._transport.get_write_buffer_size()
        if drained == self._drained_bytes:
            self.abort(f"nothing was read from a full buffer for {OUT_BUFFER_STALL_S:g} s")
            return
        self._drained_bytes = drained
        assert self._loop is not None  # it need not run just now
        self._stall_timer = self._loop.call_later(OUT_BUFFER_STALL_S, self._check_progress)

    def _abort_unless_closed(self, transport: asyncio.Transport) -> None:
        """Gives the transport a few seconds to close. Nothing else is waited for from then on."""
        self._cancel_timers()
        assert self._loop is not None
        self._closing_timer = self._loop.call_later(_CLOSE_PATIENCE_S, transport.abort)

    def _cancel_timers(self) -> None:
        _cancel(self._handshake_timer)
        _cancel(self._stall_timer)
        _cancel(self._closing_timer)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
