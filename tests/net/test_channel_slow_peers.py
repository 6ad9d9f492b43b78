"""Peers that read slowly or not at all: they are held back, cut off, and waited for only so long at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest

from argon.net import channel as channel_module
from argon.protocol.framing import Framing
from argon.protocol.handshake import ClusterHandshake, PeerHandshake, Role
from argon.protocol.messages import Heartbeat, Message, StatusReply
from argon.settings import MAX_CONTROL_BYTES
from tests.support.channel_ends import MAX_PAYLOAD_BYTES, TOKEN, End, Listening, frame, listening, pair, submit
from tests.support.fake_transport import FakeTransport
from tests.support.in_process import Run, soon, within


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


# ---- while it is open ----------------------------------------------------------------------------------------------


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


def test_peer_that_leaves_less_than_the_buffers_limit_unread_is_not_held_back() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)), hold_back=True)
        end.channel.connection_made(FakeTransport())
        end.channel.pause_writing()
        end.say(submit(1, bytes(channel_module.OUT_BUFFER_BYTES // 2)))
        assert not end.channel.held_back
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_peer_is_let_go_on_when_a_quarter_of_the_buffer_is_left() -> None:
    class Sized(FakeTransport):
        size = 0
        reading = True

        def get_write_buffer_size(self) -> int:
            return self.size

        def pause_reading(self) -> None:
            self.reading = False

        def resume_reading(self) -> None:
            self.reading = True

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)), hold_back=True)
        transport = Sized()
        end.channel.connection_made(transport)
        end.channel.pause_writing()
        seen = []
        for quarters, beyond in ((4, 0), (4, 1), (1, 1), (1, 0)):
            transport.size = quarters * channel_module.OUT_BUFFER_BYTES // 4 + beyond
            end.channel.pause_writing()
            end.say(Heartbeat())
            seen.append(transport.reading)
        assert seen == [True, False, False, True]
        end.channel.connection_lost(None)

    asyncio.run(main())


@pytest.mark.replaces_parts
def test_transport_that_asks_for_more_after_the_end_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tighten(monkeypatch)

    class Reading(FakeTransport):
        reading = True

        def pause_reading(self) -> None:
            self.reading = False

        def resume_reading(self) -> None:
            self.reading = True

        def get_write_buffer_size(self) -> int:
            return 0

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)), hold_back=True)
        transport = Reading()
        end.channel.connection_made(transport)
        end.channel.pause_writing()
        end.say(submit(1, bytes(100_000)))
        assert not transport.reading
        transport.close()
        written = len(transport.written)
        end.channel.resume_writing()
        assert (transport.reading, len(transport.written)) == (False, written)
        end.channel.connection_lost(None)
        end.channel.resume_writing()
        assert len(transport.written) == written

    asyncio.run(main())


# ---- when it closes ------------------------------------------------------------------------------------------------


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
