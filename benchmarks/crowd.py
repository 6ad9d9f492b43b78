"""A process full of connections that do nothing useful: those that come back whenever they are lost, and those that are
silent, slow or deaf.

In: how many of each. Out: connections to a cluster, for as long as the parent wants them. They cost this machine next
to nothing, so that what is seen is the cluster's doing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from argon.call.payload import pack_call
from argon.cli.child_process import running
from argon.net.channel import Channel
from argon.net.descriptors import raise_descriptor_limit
from argon.net.dialer import Dialer
from argon.net.security import find_token
from argon.process.event_loop import run_on_own_loop
from argon.protocol.handshake import PeerHandshake, Role
from argon.protocol.messages import Capacity, Heartbeat, Message, Register, Submit, Welcome
from argon.settings import parse_address
from benchmarks.frames import encoded

ROOT = Path(__file__).resolve().parent.parent
RESULTS, RESULT_BYTES = 16, 256 << 10
EVERY_S = 0.5
RECEIVE_BYTES = 4096
_SPARE_DESCRIPTORS = 256


class CrowdPlan(msgspec.Struct, kw_only=True):
    """Who is in it.

    Attributes:
        nodes, clients: connections that live, and come back when they are lost, as nodes and clients do.
        silent: connections that never say a word, and are made anew when they are cut off.
        slow: clients that ask for 16 results of 256 KiB, one every half second, and read a byte each time.
        deaf: the same, who read nothing.
    """

    address: str
    nodes: int = 0
    clients: int = 0
    silent: int = 0
    slow: int = 0
    deaf: int = 0

    def size(self) -> int:
        return self.nodes + self.clients + self.silent + self.slow + self.deaf


class Returning:
    """A peer that stays connected and says what keeps it alive."""

    def __init__(self, address: str, role: Role, token: bytes, name: str, workers: int) -> None:
        self._hello: tuple[Message, ...] = ()
        if role is Role.NODE:
            self._hello = (Register(name, int.from_bytes(os.urandom(6), "big")), Capacity(workers))
        self._heartbeat: asyncio.TimerHandle | None = None
        self.dialer = Dialer(
            address, role, token, on_up=self._up, on_messages=lambda channel, messages: None, on_down=self._down
        )

    def _up(self, channel: Channel, welcome: Welcome) -> None:
        for message in self._hello:
            channel.send(message)
        self._beat(channel, welcome.heartbeat_s)

    def _down(self, channel: Channel, reason: str) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    def _beat(self, channel: Channel, every_s: float) -> None:
        channel.send(Heartbeat())
        channel.flush()
        self._heartbeat = asyncio.get_running_loop().call_later(every_s, self._beat, channel, every_s)


async def silent(address: str) -> None:
    """Connects, says nothing, and connects again when it is cut off."""
    while True:
        reader, writer = await asyncio.open_connection(*parse_address(address))
        await reader.read()
        writer.close()


async def asking(address: str, token: bytes, reads_bytes: int) -> None:
    """Proves the token, asks for one large result after the other, and reads hardly anything; again when cut off."""
    while True:
        with socket.socket() as sock:
            try:
                await ask(sock, address, token, reads_bytes)
            except OSError:
                continue  # it was cut off


async def ask(sock: socket.socket, address: str, token: bytes, reads_bytes: int) -> None:
    loop = asyncio.get_running_loop()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    sock.setblocking(False)
    host, port = parse_address(address)
    await loop.sock_connect(sock, ("127.0.0.1" if host == "localhost" else host, port))
    handshake = PeerHandshake(token, Role.CLIENT, os.urandom(32))
    await loop.sock_sendall(sock, handshake.opening())
    while not handshake.done:
        await loop.sock_sendall(sock, handshake.feed(await loop.sock_recv(sock, 1000)))
    payload, kind = pack_call(bytes, (RESULT_BYTES,), {})
    for id_ in count(1):
        wish = Submit(id_, 2, False, 0.0, kind, 0, payload) if id_ <= RESULTS else Heartbeat()
        await loop.sock_sendall(sock, encoded(wish))
        await asyncio.sleep(EVERY_S)
        if reads_bytes:
            await loop.sock_recv(sock, reads_bytes)


@contextmanager
def crowd(plan: CrowdPlan, token: str) -> Iterator[None]:
    """A process with this crowd; all have been there when the `with` begins, and are gone when it ends."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks.crowd"]
    with running(["crowd", msgspec.json.encode(plan).decode()], command, {"ARGON_TOKEN": token, "PYTHONPATH": path}):
        yield


async def live(plan: CrowdPlan) -> None:
    raise_descriptor_limit(plan.size() + _SPARE_DESCRIPTORS)
    token, loop = find_token(), asyncio.get_running_loop()
    roles = [(Role.NODE, number) for number in range(plan.nodes)] + [(Role.CLIENT, 0)] * plan.clients
    returning = [Returning(plan.address, role, token, f"light-{number}", 1) for role, number in roles]
    for peer in returning:
        await peer.dialer.connect()
    living = [loop.create_task(peer.dialer.keep()) for peer in returning]
    living += [loop.create_task(silent(plan.address)) for _ in range(plan.silent)]
    living += [loop.create_task(asking(plan.address, token, 1)) for _ in range(plan.slow)]
    living += [loop.create_task(asking(plan.address, token, 0)) for _ in range(plan.deaf)]
    os.write(sys.stdout.fileno(), b"crowd ready\n")
    await asyncio.gather(*living)


if __name__ == "__main__":
    run_on_own_loop(live(msgspec.json.decode(sys.argv[2], type=CrowdPlan)))
