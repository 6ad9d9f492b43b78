"""Many connections to a cluster from one process, as clients or as nodes, so cheap that the cluster is what counts.

In: an address, the secret, what to say. Out: what the cluster says, whole runs of frames at a time. All tasks of
a connection have payloads of one size, so that their frames have one size too. It must never hold the cluster up by not
reading, and never be silent for so long that the cluster takes it for dead.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

import msgspec

from argon.net.descriptors import raise_descriptor_limit
from argon.protocol.codec import HEADER, HEADER_BYTES
from argon.protocol.handshake import PeerHandshake, Role
from argon.protocol.messages import (
    Capacity,
    Goodbye,
    Heartbeat,
    Message,
    Register,
    StatusReply,
    StatusRequest,
    Welcome,
)
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot
from argon.settings import parse_address
from benchmarks.frames import Shape, decoded, encoded

WITHIN_S = 20.0
READ_BYTES = 256 << 10
_SPARE_DESCRIPTORS = 256


class WireTrouble(Exception):
    """The cluster said, or did not say in time, what ends the measurement."""


class Wire:
    """One proved connection that is expected to bring frames of one shape."""

    def __init__(self, sock: socket.socket, shape: Shape, welcome: Welcome, rest: bytes) -> None:
        self.welcome = welcome
        self.replies: list[bytes] = []
        self._sock = sock
        self._shape = shape
        self._rest = rest
        self._unsent = bytearray()

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def unsent(self) -> bool:
        """Whether the system did not take all that was said."""
        return bool(self._unsent)

    def write(self, data: bytes) -> None:
        """Says something, or keeps it until the system takes it."""
        if self._unsent:
            self._unsent += data
            return
        sent = self._send(data)
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]

    def write_unsent(self) -> None:
        """Says what was kept."""
        del self._unsent[: self._send(self._unsent)]

    def read(self) -> bytes:
        """The run of whole frames that has come."""
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            raise WireTrouble("the cluster closed a connection")
        return self.take(data)

    def take(self, data: bytes) -> bytes:
        """Takes bytes and returns the frames of the shape among them; what else is said is heard here."""
        if self._rest:
            data = self._rest + data
        end = len(data) - len(data) % self._shape.size
        run, part = data[:end], data[end:]
        if self._shape.fits(run) and self._shape.may_begin(part):
            self._rest = part
            return run
        return self._sorted_out(data)

    def close(self) -> None:
        self._sock.close()

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def _sorted_out(self, data: bytes) -> bytes:
        found, at = [], 0
        while len(data) - at >= HEADER_BYTES:
            end = at + HEADER_BYTES + HEADER.unpack_from(data, at)[0]
            if end > len(data):
                break
            if self._shape.fits(data[at:end]):
                found.append(data[at:end])
            else:
                self._hear(decoded(data[at:end]))
            at = end
        self._rest = data[at:]
        return b"".join(found)

    def _hear(self, message: Message) -> None:
        if isinstance(message, StatusReply):
            self.replies.append(message.text)
        elif isinstance(message, Goodbye):
            raise WireTrouble(f"the cluster ended a connection: {message.reason}")
        elif not isinstance(message, Heartbeat):
            raise WireTrouble(f"the cluster said what is not expected here: {message}")


class Wires:
    """Connections to one cluster in one role, watched together. Open from its construction to the end of the `with`.

    Args:
        secret: what the token's text stands for.
        shape: what is expected to come.
    """

    def __init__(self, address: str, secret: bytes, role: Role, count: int, shape: Shape) -> None:
        raise_descriptor_limit(count + _SPARE_DESCRIPTORS)
        self.all: list[Wire] = []
        self._shape = shape
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, Wire] = {}
        self._writing: set[int] = set()
        try:
            for _ in range(count):
                wire = _dialled(address, secret, role, shape)
                self.all.append(wire)
                self._by_descriptor[wire.fileno()] = wire
                self._epoll.register(wire.fileno(), select.EPOLLIN)
        except BaseException:
            self.close()
            raise
        self._heartbeat = encoded(Heartbeat())
        self._heartbeat_s = min(wire.welcome.heartbeat_s for wire in self.all)
        self._beat_at = monotonic() + self._heartbeat_s
        _OPEN.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections, without a goodbye."""
        if self in _OPEN:
            _OPEN.remove(self)
        self._epoll.close()
        for wire in self.all:
            wire.close()

    def register(self, name: str, workers: int) -> None:
        """Registers each connection as a node with so many workers."""
        for index, wire in enumerate(self.all, 1):
            self.write(wire, encoded(Register(f"{name}-{index}", index)) + encoded(Capacity(workers)))

    def write(self, wire: Wire, data: bytes) -> None:
        """Says something on one connection."""
        wire.write(data)
        self._watch(wire)

    def poll(self, timeout_s: float) -> list[tuple[Wire, bytes]]:
        """Waits until something comes, and returns the run of frames that came on each connection.

        All other connections of this process are kept alive meanwhile.
        """
        now = monotonic()
        beat_at = min(wires._beat(now) for wires in _OPEN)
        runs = []
        for descriptor, mask in self._epoll.poll(max(0.0, min(timeout_s, beat_at - now)), len(self.all)):
            wire = self._by_descriptor[descriptor]
            if mask & select.EPOLLOUT:
                wire.write_unsent()
                self._watch(wire)
            if mask & ~select.EPOLLOUT:
                run = wire.read()
                if run:
                    runs.append((wire, run))
        return runs

    def status(self) -> ClusterSnapshot:
        """What the cluster says of itself, once it has heard all that the last of these clients has said before.

        None of their tasks may be answered meanwhile.
        """
        asked = self.all[-1]
        self.write(asked, encoded(StatusRequest()))
        end = monotonic() + WITHIN_S
        while not asked.replies:
            if monotonic() > end:
                raise WireTrouble(f"the cluster did not tell its status in {WITHIN_S:g} s")
            if self.poll(WITHIN_S):
                raise WireTrouble("there was an answer where none was expected")
        return msgspec.json.decode(asked.replies.pop(), type=ClusterSnapshot)

    def await_status(self, what: str, reached: Callable[[ClusterSnapshot], bool]) -> None:
        """Waits until the cluster's status is such; `what` names it for the error."""
        end = monotonic() + WITHIN_S
        while not reached(status := self.status()):
            if monotonic() > end:
                raise WireTrouble(f"the cluster was not {what} in {WITHIN_S:g} s: {status}")

    def _beat(self, now: float) -> float:
        """Says that these are alive, if it is time; returns when it is time again."""
        if now >= self._beat_at:
            self._beat_at = now + self._heartbeat_s
            for wire in self.all:
                self.write(wire, self._heartbeat)
        return self._beat_at

    def _watch(self, wire: Wire) -> None:
        """Waits for room only where something is unsent."""
        descriptor = wire.fileno()
        if wire.unsent == (descriptor in self._writing):
            return
        if wire.unsent:
            self._writing.add(descriptor)
            self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLOUT)
        else:
            self._writing.discard(descriptor)
            self._epoll.modify(descriptor, select.EPOLLIN)


_OPEN: list[Wires] = []


def _dialled(address: str, secret: bytes, role: Role, shape: Shape) -> Wire:
    """Connects, proves the token, and waits for the welcome."""
    sock = socket.create_connection(parse_address(address), WITHIN_S)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handshake = PeerHandshake(secret, role, os.urandom(32))
        sock.sendall(handshake.opening())
        while not handshake.done:
            sock.sendall(handshake.feed(_received(sock)))
        welcome, rest = _welcome(handshake.rest, lambda: _received(sock))
        sock.setblocking(False)
        return Wire(sock, shape, welcome, rest)
    except BaseException:
        sock.close()
        raise


def _welcome(data: bytes, more: Callable[[], bytes]) -> tuple[Welcome, bytes]:
    """The cluster's first message, and what came behind it."""
    while len(data) < HEADER_BYTES or len(data) < HEADER_BYTES + HEADER.unpack_from(data)[0]:
        data += more()
    end = HEADER_BYTES + HEADER.unpack_from(data)[0]
    welcome = decoded(data[:end])
    if not isinstance(welcome, Welcome):
        raise WireTrouble(f"the cluster did not begin with a welcome: {welcome}")
    return welcome, data[end:]


def _received(sock: socket.socket) -> bytes:
    data = sock.recv(READ_BYTES)
    if not data:
        raise WireTrouble("the cluster closed a connection during the handshake")
    return data
