"""An open connection over a real loopback socket, on both event loops: messages, broken frames, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from argon.net import channel as channel_module
from argon.net.channel import Channel
from argon.protocol.codec import HEADER
from argon.protocol.framing import Framing
from argon.protocol.handshake import ClusterHandshake
from argon.protocol.messages import Announced, Cancel, Goodbye, Heartbeat, Message, Submit
from argon.settings import MAX_CONTROL_BYTES, OUT_BUFFER_BYTES
from tests.support.channel_ends import (
    MAX_PAYLOAD_BYTES,
    TOKEN,
    End,
    Listening,
    frame,
    listening,
    pair,
    shake,
    stranger,
    submit,
)
from tests.support.fake_transport import FakeTransport
from tests.support.in_process import Run, soon


async def rest_of(reader: asyncio.StreamReader, begun: bytes) -> list[Message]:
    """What is said until the connection ends."""
    return Framing(MAX_PAYLOAD_BYTES).feed(begun + await reader.read())


# ---- frames --------------------------------------------------------------------------------------------------------


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


# ---- the end -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("state", ["in the handshake", "stalled", "closing", "closed by the peer"])
def test_connection_that_is_gone_is_kept_by_no_timer(state: str) -> None:
    async def main() -> None:
        end = End(ClusterHandshake(TOKEN, bytes(32)))
        transport = FakeTransport()
        end.channel.connection_made(transport)
        if state == "stalled":
            end.channel.pause_writing()
            end.say(submit(1, bytes(OUT_BUFFER_BYTES + 1)))
        elif state == "closing":
            end.channel.close("enough")
        elif state == "closed by the peer":
            end.channel.eof_received()
        assert len(ringing()) == 1 + (state == "stalled"), "the test is about nothing"
        end.channel.connection_lost(None)
        assert ringing() == []

    asyncio.run(main())


def ringing() -> list[asyncio.TimerHandle]:
    """The timers of the loop that have not been cancelled."""
    timers: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [timer for timer in timers if not timer.cancelled()]
