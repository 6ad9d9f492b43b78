"""One connection over a real loopback socket, on both event loops: handshake, strangers, slow and lying peers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from argon.net import channel as channel_module
from argon.net.channel import Channel
from argon.net.security import make_token, parse_token
from argon.protocol.codec import HEADER, encode
from argon.protocol.framing import Framing
from argon.protocol.handshake import MAGIC, VERSION, ClusterHandshake, PeerHandshake, Role
from argon.protocol.messages import Announced, Cancel, Drain, Goodbye, Heartbeat, Message, StatusReply, Submit
from argon.settings import MAX_CONTROL_BYTES
from tests.support.in_process import Run, soon, within

TOKEN = parse_token(make_token(), "")
OTHER_TOKEN = parse_token(make_token(), "")
MAX_PAYLOAD_BYTES = 32 << 20


class End:
    """One side's channel, and what it has reported."""

    def __init__(self, handshake: ClusterHandshake | PeerHandshake, **options: Any) -> None:
        self.opened = 0
        self.reads: list[list[Message]] = []
        self.lost: list[str] = []
        self.channel = Channel(
            handshake,
            max_payload_bytes=MAX_PAYLOAD_BYTES,
            on_open=self._on_open,
            on_messages=lambda _, messages: self.reads.append(messages),
            on_lost=lambda _, reason: self.lost.append(reason),
            **options,
        )

    @property
    def messages(self) -> list[Message]:
        return [message for read in self.reads for message in read]

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.channel.send(message)
        self.channel.flush()

    def _on_open(self, channel: Channel) -> None:
        assert channel is self.channel
        self.opened += 1


class Listening:
    """The accepting side."""

    def __init__(self, token: bytes = TOKEN, **options: Any) -> None:
        self.ends: list[End] = []
        self._token = token
        self._options = options
        self.address = ("", 0)

    def accept(self) -> Channel:
        self.ends.append(End(ClusterHandshake(self._token, os.urandom(32)), **self._options))
        return self.ends[-1].channel

    async def end(self) -> End:
        await soon(lambda: self.ends)
        return self.ends[0]

    async def lost(self) -> str:
        """Waits until the accepted connection has ended; returns why."""
        end = await self.end()
        await soon(lambda: end.lost)
        return end.lost[0]


@contextlib.asynccontextmanager
async def listening(**options: Any) -> AsyncIterator[Listening]:
    side = Listening(**options)
    server = await asyncio.get_running_loop().create_server(side.accept, "127.0.0.1", 0)
    side.address = server.sockets[0].getsockname()
    try:
        yield side
    finally:
        server.close()
        for end in side.ends:
            end.channel.abort("the test is over")
        await soon(lambda: all(end.lost for end in side.ends))


@contextlib.asynccontextmanager
async def stranger(side: Listening) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection."""
    reader, writer = await asyncio.open_connection(*side.address[:2])
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def shake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: bytes = b"") -> bytes:
    """The handshake by hand, with more bytes right behind the proof; returns what was said behind the answer."""
    handshake = PeerHandshake(TOKEN, Role.CLIENT, os.urandom(32))
    writer.write(handshake.opening())
    while not handshake.done:
        answer = handshake.feed(await reader.read(1 << 16))
        writer.write(answer + behind if answer else b"")
    return handshake.rest


async def dialled(side: Listening, token: bytes = TOKEN, role: Role = Role.CLIENT, **options: Any) -> End:
    end = End(PeerHandshake(token, role, os.urandom(32)), **options)
    await asyncio.get_running_loop().create_connection(lambda: end.channel, *side.address[:2])
    return end


@contextlib.asynccontextmanager
async def pair(**options: Any) -> AsyncIterator[tuple[End, End]]:
    """The accepting and the dialling end of an open connection."""
    async with listening(**options) as side:
        theirs = await dialled(side)
        ours = await side.end()
        try:
            await soon(lambda: ours.opened and theirs.opened)
            yield ours, theirs
        finally:
            theirs.channel.abort("the test is over")
            await soon(lambda: theirs.lost)


def frame(message: Message) -> bytes:
    header, payload = encode(message)
    assert isinstance(payload, bytes)
    return header + payload


def submit(id_: int, payload: Any = b"p", priority: int = 2) -> Submit:
    return Submit(id_, priority, False, 0.0, 0, 0, payload)


async def rest_of(reader: asyncio.StreamReader, begun: bytes) -> list[Message]:
    """What is said until the connection ends."""
    return Framing(MAX_PAYLOAD_BYTES).feed(begun + await reader.read())


# ---- the handshake -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_right_token_opens_both_sides_and_shows_the_role(run: Run, role: Role) -> None:
    async def main() -> None:
        async with listening() as side:
            dialling = await dialled(side, role=role)
            accepting = await side.end()
            await soon(lambda: dialling.opened and accepting.opened)
            assert accepting.channel.role is role
            dialling.channel.abort("the test is over")
            await side.lost()
            await soon(lambda: dialling.lost)
            assert (dialling.opened, accepting.opened) == (1, 1)

    run(main())


def test_wrong_token_is_refused_before_any_other_byte_is_decoded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> list[Message]:
        raise AssertionError("a byte was decoded")

    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            monkeypatch.setattr(Framing, "feed", never)
            handshake = PeerHandshake(OTHER_TOKEN, Role.CLIENT, os.urandom(32))
            writer.write(handshake.opening())
            challenge = await reader.readexactly(len(MAGIC) + 1 + 32)
            writer.write(handshake.feed(challenge) + frame(submit(1)))
            assert await reader.read() == bytes(32)
            assert "token" in await side.lost()
            end = await side.end()
            assert (end.opened, end.reads, end.channel.role) == (0, [], None)
            assert end.channel.handshake_failure is not None
            assert end.channel.handshake_failure.authentication

    run(main())


def test_dialling_side_with_a_wrong_token_learns_that_it_was_the_token(run: Run) -> None:
    async def main() -> None:
        async with listening() as side:
            end = await dialled(side, OTHER_TOKEN)
            await soon(lambda: end.lost)
            assert end.opened == 0
            assert end.channel.handshake_failure is not None
            assert end.channel.handshake_failure.authentication

    run(main())


def test_handshake_that_comes_byte_by_byte_is_accepted(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            handshake = PeerHandshake(TOKEN, Role.NODE, os.urandom(32))
            out = handshake.opening()
            while not handshake.done:
                for i in range(len(out)):
                    writer.write(out[i : i + 1])
                    await asyncio.sleep(0)
                out = handshake.feed(await reader.read(1))
            assert (await side.end()).channel.role is Role.NODE

    run(main())


@pytest.mark.parametrize("sent", [b"", MAGIC, MAGIC + bytes([VERSION, Role.CLIENT]) + bytes(63)])
def test_handshake_that_does_not_end_in_time_is_cut_off(run: Run, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            writer.write(sent)
            assert await side.lost() == "no handshake in time"
            assert (await side.end()).opened == 0

    run(main())


@pytest.mark.replaces_parts
def test_slow_handshake_has_its_time_in_total_and_not_for_each_byte(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            end = await side.end()
            for byte in MAGIC + bytes([VERSION, Role.CLIENT]) + bytes(63):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)
                if end.lost:
                    break
            assert end.lost == ["no handshake in time"]

    run(main())


def test_open_connection_outlives_the_time_for_the_handshake(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with pair() as (ours, theirs):
            await asyncio.sleep(0.15)
            assert not ours.lost
            assert not theirs.lost

    run(main())


def test_connection_that_ends_in_the_handshake_is_lost_once_and_never_opened(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            writer.write(MAGIC)
            writer.write_eof()
            await side.lost()
            end = await side.end()
            await asyncio.sleep(0)
            assert (end.opened, len(end.lost)) == (0, 1)

    run(main())


# ---- strangers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE"])
def test_http_is_answered_with_400_and_closed(run: Run, method: str) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"This is an Argon task port, not HTTP." in answer
            assert "HTTP" in await side.lost()

    run(main())


def test_tls_is_told_apart_and_closed(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(bytes.fromhex("16030100c8010000c40303"))
            assert await reader.read() == b""
            assert "TLS" in await side.lost()

    run(main())


def test_other_bytes_are_closed_with_what_was_expected(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(b"\0\1\2\3")
            assert await reader.read() == b""
            assert await side.lost() == "bad magic: expected a7 52 47 31, got 00 01 02 03"

    run(main())


def test_other_version_is_answered_with_ours(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(MAGIC + bytes([9, Role.CLIENT]))
            assert (await reader.read()).startswith(MAGIC + bytes([VERSION]))
            assert "protocol 9" in await side.lost()

    run(main())


# ---- frames ------------------------------------------------------------------------------------------------------


def test_messages_arrive_in_order_and_those_of_one_read_together(run: Run) -> None:
    async def main() -> None:
        async with pair() as (ours, theirs):
            sent: list[Message] = [submit(n) for n in range(100)]
            for message in sent:
                theirs.channel.send(message)
            assert theirs.channel.pending
            theirs.channel.flush()
            assert not theirs.channel.pending
            await soon(lambda: len(ours.messages) == 100)
            assert ours.messages == sent
            assert len(ours.reads) == 1
            ours.say(Cancel(7))
            await soon(lambda: theirs.messages)
            assert theirs.messages == [Cancel(7)]

    run(main())


def test_message_right_behind_the_proof_is_not_lost(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            await shake(reader, writer, frame(submit(1)) + frame(submit(2)))
            end = await side.end()
            await soon(lambda: len(end.messages) == 2)
            assert end.messages == [submit(1), submit(2)]

    run(main())


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (HEADER.pack(0, 0x3E, 0, 0, 1, 0.0, 0.0, 0, 0), "frame type 62 is unknown"),
        (HEADER.pack(MAX_CONTROL_BYTES + 1, 19, 0, 0, 1, 0.0, 0.0, 0, 0), "the limit is"),
        (HEADER.pack(0xFFFFFFFF, 3, 0, 0, 1, 0.0, 0.0, 0, 0), "the limit is"),
        (HEADER.pack(0, 1, 99, 0, 1, 0.0, 0.0, 0, 0), "priority 99"),
    ],
    ids=["unknown-type", "oversized-control", "length-lie", "bad-priority"],
)
def test_frame_that_means_nothing_ends_the_connection_with_the_reason(run: Run, sent: bytes, says: str) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            said = await rest_of(reader, await shake(reader, writer, sent))
            assert isinstance(said[-1], Goodbye)
            assert says in said[-1].reason
            assert says in await side.lost()

    run(main())


@pytest.mark.parametrize("sent", [b"\1", frame(submit(1))[:-1], frame(submit(1, bytes(100_000)))[:-1]])
def test_end_inside_a_frame_is_reported(run: Run, sent: bytes) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            await shake(reader, writer, sent)
            writer.write_eof()
            assert await side.lost() == "the peer closed the connection inside a frame"

    run(main())


def test_end_between_frames_is_no_fault(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            await shake(reader, writer, frame(submit(1)))
            writer.write_eof()
            assert await side.lost() == "the peer closed the connection"

    run(main())


def test_large_payload_is_announced_first_and_comes_whole_behind_what_is_small(run: Run) -> None:
    payload = os.urandom(3 << 20)

    async def main() -> None:
        async with pair() as (ours, theirs):
            theirs.say(submit(1, payload), Heartbeat())
            await soon(lambda: len(ours.messages) == 3)
            second, announced, first = ours.messages
            assert isinstance(announced, Announced)
            assert announced.size_bytes == len(payload)
            assert isinstance(first, Submit)
            assert b"".join(first.payload) == payload  # type: ignore[arg-type]
            assert second == Heartbeat()

    run(main())


def test_bytes_that_end_no_message_are_reported_as_a_sign_of_life(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            await shake(reader, writer)
            end = await side.end()
            data = frame(submit(1, bytes(200_000)))
            for part in (data[:10], data[10:100_000], data[100_000:]):
                reads = len(end.reads)
                writer.write(part)
                await soon(lambda reads=reads: len(end.reads) > reads)
            await soon(lambda: len(end.messages) == 2)

    run(main())


def test_payload_that_is_discarded_does_not_come_and_what_is_behind_it_does(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            await shake(reader, writer)
            end = await side.end()
            data = frame(submit(1, bytes(200_000))) + frame(submit(2))
            writer.write(data[:70_000])
            await soon(lambda: end.messages)
            end.channel.discard_payload()
            writer.write(data[70_000:])
            await soon(lambda: len(end.messages) == 2)
            assert end.messages[1] == submit(2)

    run(main())


async def shaken(end: End) -> None:
    """The handshake, said to a channel with a fake transport."""
    peer = PeerHandshake(TOKEN, Role.CLIENT, os.urandom(32))
    transport = end.channel._transport
    assert isinstance(transport, FakeTransport)
    end.channel.data_received(peer.opening())
    while not peer.done:
        answer, transport.written = b"".join(transport.written), []
        end.channel.data_received(peer.feed(answer))


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []
        self.closing = False
        self.aborted = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written.append(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.written))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted.set()


def test_flush_joins_what_is_small_and_never_copies_what_is_large() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.say(submit(1), submit(2))
        assert len(transport.written) == 1
        transport.written.clear()
        large = bytes(channel_module.LARGE_BYTES)
        chunks = (b"small", memoryview(bytes(channel_module.LARGE_BYTES)), b"end")
        end.say(submit(1), submit(2, large), submit(3, chunks), submit(4, priority=1))
        assert any(piece is large for piece in transport.written)
        assert any(piece is chunks[1] for piece in transport.written)
        messages = Framing(MAX_PAYLOAD_BYTES).feed(b"".join(transport.written))
        assert [m.id for m in messages if isinstance(m, Submit)] == [1, 4, 2, 3]
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_connection_that_ends_while_a_large_message_leaves_is_written_to_no_more() -> None:
    class Ending(FakeTransport):
        def write(self, data: Any) -> None:
            super().write(data)
            self.closing = True

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = Ending()
        end.channel.connection_made(transport)
        end.say(submit(1, bytes(30 << 20)))
        assert transport.get_write_buffer_size() < 2 << 20, "asyncio logs a warning for each write that comes too late"
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_what_is_small_passes_what_is_large_and_goodbye_comes_last() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        await shaken(end)
        transport.written.clear()
        end.channel.pause_writing()
        end.say(submit(1, bytes(3 << 20)), submit(2, priority=1))
        assert end.channel.pending
        assert len(transport.written) == 1, "the transport has asked for no more"
        end.channel.resume_writing()
        end.say(submit(3, bytes(3 << 20)))
        end.channel.pause_writing()
        end.say(submit(4, bytes(3 << 20)), Heartbeat(), Cancel(4), Drain())
        end.channel.close("enough")
        framing, said = Framing(MAX_PAYLOAD_BYTES), []
        for piece in transport.written:
            said += framing.feed(bytes(piece))
        assert [m.id if isinstance(m, Submit) else type(m) for m in said if not isinstance(m, Announced)] == [
            *(2, 1, 3, Heartbeat, 4, Cancel, Drain, Goodbye)
        ]
        assert not end.channel.pending
        end.channel.connection_lost(None)

    asyncio.run(main())


# ---- slow peers --------------------------------------------------------------------------------------------------


def tighten(monkeypatch: pytest.MonkeyPatch, stall_s: float = 0.2) -> None:
    monkeypatch.setattr(channel_module, "OUT_BUFFER_BYTES", 64 << 10)
    monkeypatch.setattr(channel_module, "OUT_BUFFER_STALL_S", stall_s)


def much() -> Message:
    return StatusReply(bytes(MAX_CONTROL_BYTES - 100))


@contextlib.asynccontextmanager
async def deaf(side: Listening) -> AsyncIterator[socket.socket]:
    """A peer that has shaken hands and reads nothing more by itself."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        await loop.sock_connect(sock, side.address[:2])
        handshake = PeerHandshake(TOKEN, Role.CLIENT, os.urandom(32))
        await loop.sock_sendall(sock, handshake.opening())
        while not handshake.done:
            await loop.sock_sendall(sock, handshake.feed(await loop.sock_recv(sock, 1000)))
        yield sock


@pytest.mark.replaces_parts
def test_peer_that_does_not_read_is_held_back_and_then_cut_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tighten(monkeypatch)

    async def main() -> None:
        async with listening(hold_back=True) as side, deaf(side) as sock:
            end = await side.end()
            end.say(*[much()] * 20)
            assert end.channel.held_back
            await asyncio.get_running_loop().sock_sendall(sock, frame(Heartbeat()))
            assert await side.lost() == "nothing was read from a full buffer for 0.2 s"
            assert end.messages == []  # nothing was read from it either

    run(main())


def test_peer_that_reads_slowly_is_held_back_and_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tighten(monkeypatch, stall_s=0.1)

    async def main() -> None:
        async with listening(hold_back=True) as side, deaf(side) as sock:
            loop = asyncio.get_running_loop()
            end = await side.end()
            end.say(*[much()] * 20)
            assert end.channel.held_back
            await loop.sock_sendall(sock, frame(Heartbeat()))
            framing, said, reads = Framing(MAX_PAYLOAD_BYTES), 0, 0
            while said < 20:
                assert end.lost == []
                said += len(framing.feed(await loop.sock_recv(sock, 1 << 20)))
                reads += 1
                await asyncio.sleep(0.0 if reads % 8 else 0.005)
            await soon(lambda: end.messages)
            assert not end.channel.held_back
            assert not end.lost

    run(main())


def test_side_that_does_not_hold_back_goes_on_reading_from_a_slow_peer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tighten(monkeypatch, stall_s=5.0)

    async def main() -> None:
        async with listening() as side, deaf(side) as sock:
            end = await side.end()
            end.say(*[much()] * 20)
            await asyncio.get_running_loop().sock_sendall(sock, frame(Heartbeat()))
            await soon(lambda: end.messages)
            assert not end.channel.held_back

    run(main())


def test_first_message_over_the_buffers_limit_is_no_stall(run: Run) -> None:
    async def main() -> None:
        async with pair() as (ours, theirs):
            theirs.say(submit(1, bytes(channel_module.OUT_BUFFER_BYTES * 2)))
            await soon(lambda: len(ours.messages) == 2 or theirs.lost)
            assert theirs.lost == []

    run(main())


def test_buffer_that_fills_before_anything_has_left_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    tighten(monkeypatch, stall_s=0.05)

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.say(submit(1, bytes(100_000)))
        end.channel.pause_writing()
        assert not transport.aborted.is_set()
        await transport.aborted.wait()  # it is one when nothing has left for a while
        end.channel.connection_lost(None)

    within(main())


# ---- the end -----------------------------------------------------------------------------------------------------


def test_close_says_goodbye_behind_everything_sent_before(run: Run) -> None:
    async def main() -> None:
        async with pair() as (ours, theirs):
            ours.channel.send(Cancel(1))
            ours.channel.close("enough")
            ours.channel.close("a second time")
            await soon(lambda: theirs.lost)
            assert theirs.messages == [Cancel(1), Goodbye("enough")]
            await soon(lambda: ours.lost)
            assert ours.lost == ["enough"]

    run(main())


def test_close_waits_for_a_deaf_peer_only_so_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tighten(monkeypatch, stall_s=60.0)
    monkeypatch.setattr(channel_module, "_CLOSE_PATIENCE_S", 0.2)

    async def main() -> None:
        async with listening() as side, deaf(side):
            end = await side.end()
            end.say(*[much()] * 20)
            end.channel.close("enough")
            assert await side.lost() == "enough"

    run(main())


@pytest.mark.replaces_parts
def test_deaf_peer_that_has_closed_its_own_side_is_waited_for_only_so_long(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "_CLOSE_PATIENCE_S", 0.2)

    async def main() -> None:
        async with listening() as side, deaf(side) as sock:
            end = await side.end()
            end.say(*[much()] * 6)  # less than what counts as stuck
            sock.shutdown(socket.SHUT_WR)
            await side.lost()

    run(main())


def test_close_waits_no_longer_for_a_peer_that_takes_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "_CLOSE_PATIENCE_S", 0.05)

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.channel.pause_writing()
        end.channel.close("enough")
        end.channel.resume_writing()
        await transport.aborted.wait()
        end.channel.connection_lost(None)

    within(main())


def test_what_is_sent_after_the_end_goes_nowhere(run: Run) -> None:
    async def main() -> None:
        async with pair() as (ours, theirs):
            ours.channel.abort("enough")
            ours.say(Cancel(1))
            await soon(lambda: ours.lost and theirs.lost)
            ours.say(Cancel(2))
            ours.channel.close("again")
            ours.channel.abort("again")
            assert ours.lost == ["enough"]
            assert theirs.messages == []

    run(main())


def test_abort_before_the_connection_is_made_ends_it_when_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 60.0)

    async def main() -> None:
        side = Listening()

        def accept() -> Channel:
            channel = side.accept()
            channel.abort("no room")
            return channel

        server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
        side.address = server.sockets[0].getsockname()
        async with stranger(side) as (reader, _):
            assert await side.lost() == "no room"
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        server.close()

    run(main())
