"""Both ends of a connection over a real loopback socket, and strangers that send raw bytes to one end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from argon.net.channel import Channel
from argon.net.security import make_token, parse_token
from argon.protocol.codec import encode
from argon.protocol.handshake import ClusterHandshake, PeerHandshake, Role
from argon.protocol.messages import Message, Submit
from tests.support.in_process import soon

TOKEN = parse_token(make_token(), "")
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
