"""What a channel writes, and in which order: small messages together, large ones in pieces without a copy."""

from __future__ import annotations

import asyncio
import os
from math import inf
from typing import Any

from argon.net import channel as channel_module
from argon.protocol.framing import Framing
from argon.protocol.handshake import ClusterHandshake, PeerHandshake, Role
from argon.protocol.messages import Announced, Cancel, Drain, Goodbye, Heartbeat, Submit
from tests.support.channel_ends import MAX_PAYLOAD_BYTES, TOKEN, End, submit
from tests.support.fake_transport import FakeTransport


async def shaken(end: End) -> None:
    """The handshake, said to a channel with a fake transport."""
    peer = PeerHandshake(TOKEN, Role.CLIENT, os.urandom(32))
    transport = end.channel._transport
    assert isinstance(transport, FakeTransport)
    end.channel.data_received(peer.opening())
    while not peer.done:
        answer, transport.written = b"".join(transport.written), []
        end.channel.data_received(peer.feed(answer))


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


def test_nothing_is_written_behind_goodbye() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        await shaken(end)
        end.channel.close("enough")
        transport.written.clear()
        end.say(Heartbeat(), submit(1, bytes(3 << 20)))
        assert transport.written == []
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_tasks_that_never_left_are_known_at_the_end() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.say(submit(1))
        assert end.channel.unsent_submits() == []
        end.channel.pause_writing()
        end.say(submit(2, bytes(channel_module.LARGE_BYTES)))
        transport.closing = True
        end.say(submit(3, priority=1), Heartbeat(), submit(4, priority=1))
        unsent: list[int] = []
        end.channel._on_lost = lambda channel, _: unsent.extend(channel.unsent_submits())
        end.channel.connection_lost(None)
        assert unsent == [3, 4, 2]
        assert end.channel.unsent_submits() == []

    asyncio.run(main())


def test_without_a_socket_the_kernel_knows_nothing() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        assert (end.channel.silent_for_s(), end.channel.is_cut_off(), end.channel.has_unread()) == (inf, True, False)
        end.channel.connection_made(FakeTransport())
        end.channel.keep_alive(5.0, 15.0)
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_flow_is_what_has_left_and_what_waits() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        assert end.channel.flow() == (0, 0)
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.say(submit(1, bytes(1000)))
        waiting = sum(map(len, transport.written))
        assert waiting > 1000
        assert end.channel.flow() == (0, waiting)
        transport.written.clear()
        assert end.channel.flow() == (waiting, 0)
        end.channel.pause_writing()
        end.say(submit(2, bytes(3 << 20)))
        left, unwritten = end.channel.flow()
        assert left == waiting
        assert unwritten > 3 << 20
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_peer_of_a_connection_that_is_found_broken_is_not_held_back() -> None:
    class Ending(FakeTransport):
        held_back = False

        def write(self, data: Any) -> None:
            super().write(data)
            self.closing = True

        def pause_reading(self) -> None:
            self.held_back = True

    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)), hold_back=True)
        transport = Ending()
        end.channel.connection_made(transport)
        end.channel.pause_writing()
        end.say(*(submit(number, bytes(60_000)) for number in range(200)))
        assert not transport.held_back
        end.channel.connection_lost(None)

    asyncio.run(main())


def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        end.channel.pause_writing()
        end.say(submit(1, bytes(3 << 20)))
        end.channel.connection_lost(None)
        written = len(transport.written)
        end.say(Heartbeat())
        end.channel.close("enough")
        end.channel.abort("enough")
        assert len(transport.written) == written
        assert not transport.aborted.is_set()
        assert end.channel.flow()[1] == 0

    asyncio.run(main())
