"""A cluster that says and hears what a test wants, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from argon.net.channel import Channel
from argon.net.security import parse_token
from argon.protocol.handshake import ClusterHandshake
from argon.protocol.messages import Message, Welcome
from tests.support.in_process import TOKEN, soon

SECRET = parse_token(TOKEN, "")
WELCOME = Welcome(1, 8, 1000, 5.0, 15.0)


class FakeCluster:
    """Accepts, and greets whoever proves the token with these messages."""

    def __init__(self, *greeting: Message, token: bytes = SECRET) -> None:
        self.greeting = greeting or (WELCOME,)
        self.token = token
        self.open: list[Channel] = []
        self.heard: list[Message] = []
        self.reads: list[list[Message]] = []
        self.lost: list[str] = []
        self.accepted = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    def say(self, *messages: Message) -> None:
        """Says this to the peer that connected last."""
        for message in messages:
            self.open[-1].send(message)
        self.open[-1].flush()

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for channel in self.open:
            channel.abort("stopped")
        self.open.clear()

    def _accept(self) -> Channel:
        self.accepted += 1
        return Channel(
            ClusterHandshake(self.token, os.urandom(32)),
            max_payload_bytes=1000,
            on_open=self._greet,
            on_messages=self._hear,
            on_lost=lambda _, reason: self.lost.append(reason),
        )

    def _hear(self, _: Channel, messages: list[Message]) -> None:
        self.reads.append(messages)
        self.heard += messages

    def _greet(self, channel: Channel) -> None:
        self.open.append(channel)
        for message in self.greeting:
            channel.send(message)
        channel.flush()


@contextlib.asynccontextmanager
async def fake_cluster(*greeting: Message, token: bytes = SECRET) -> AsyncIterator[FakeCluster]:
    cluster = FakeCluster(*greeting, token=token)
    await cluster.listen()
    try:
        yield cluster
    finally:
        cluster.stop()
        await soon(lambda: len(cluster.lost) == cluster.accepted)
