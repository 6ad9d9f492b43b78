"""A TCP proxy that does to a connection what networks do: delays, slows, splits, joins, cuts, corrupts, swallows,
stalls, resets it.

In: the address of whoever listens, and faults that a test switches on and off. Out: an address to connect to, and
counts of what has happened, since a fault that did not happen proves nothing. Loopback only; it ends with its ``with``.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

from argon.settings import format_address, parse_address
from tests.support.waiting import WITHIN_S, wait_until

READ_BYTES = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time at all


class Direction:
    """What happens to the bytes of one direction, of all connections.

    Attributes:
        delay_s: how long each read is held back.
        bytes_per_s: no more than so many are passed on in a second; 0 for as fast as they come.
        piece_bytes: the bytes are passed on in pieces of this size; 0 for as they come.
        gather_s: what comes within this time is passed on in one piece.
        swallows: nothing is passed on, and nobody is told.
        stops_reading: what comes is left where it is, so that its sender can send no more in the end.
        corrupt_at: the byte in which the next bit is flipped, counted from now; -1 for none.
        cut_after: the connection is reset after so many bytes more; -1 for never.
        stop_after: writing stops after so many bytes more, until this is -1 again; -1 for never.
        fired: how often any of these has done something to the bytes.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.piece_bytes = 0
        self.gather_s = 0.0
        self.swallows = False
        self.stops_reading = False
        self.corrupt_at = -1
        self.cut_after = -1
        self.stop_after = -1
        self.fired = 0

    def read(self, source: socket.socket) -> bytes:
        """The next bytes, once there are some and they may be read."""
        _has_bytes(source, None)
        if self.stops_reading:
            self.fired += 1
            _wait_while(lambda: self.stops_reading)
        data = source.recv(READ_BYTES)
        if data and self.gather_s:
            time.sleep(self.gather_s)
            if _has_bytes(source, 0) and (more := source.recv(READ_BYTES)):
                data += more
                self.fired += 1
        return data

    def treat(self, data: bytes) -> tuple[bytes, bool]:
        """What is left of some bytes, and whether the connection is cut behind them."""
        if self.delay_s or self.piece_bytes:
            self.fired += 1
        time.sleep(self.delay_s)
        if self.swallows:
            self.fired += 1
            return b"", False
        if self.corrupt_at >= 0:
            if self.corrupt_at < len(data):
                data = data[: self.corrupt_at] + bytes([data[self.corrupt_at] ^ 0x80]) + data[self.corrupt_at + 1 :]
                self.fired += 1
                self.corrupt_at = -1
            else:
                self.corrupt_at -= len(data)
        if self.cut_after >= 0:
            if self.cut_after <= len(data):
                data, self.cut_after = data[: self.cut_after], -1
                self.fired += 1
                return data, True
            self.cut_after -= len(data)
        return data, False

    def write(self, sink: socket.socket, data: bytes) -> None:
        """Passes bytes on, in the pieces and at the pace that are asked for."""
        if 0 <= self.stop_after < len(data):
            sink.sendall(data[: self.stop_after])
            data, self.stop_after = data[self.stop_after :], 0
            self.fired += 1
            _wait_while(lambda: self.stop_after >= 0)
        elif self.stop_after >= 0:
            self.stop_after -= len(data)
        size = self.piece_bytes or self.bytes_per_s // 50 or READ_BYTES
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            if self.bytes_per_s:
                self.fired += 1
                time.sleep(len(piece) / self.bytes_per_s)
            sink.sendall(piece)

    def recover(self) -> None:
        """Lets everything go on that was stopped."""
        self.swallows = self.stops_reading = False
        self.stop_after = -1


class FaultProxy:
    """Stands between those who dial and a listener.

    Attributes:
        address: dial this.
        up, down: what happens to bytes towards the listener, and back.
        accepted: how many connections there have been.
    """

    def __init__(self, target: str) -> None:
        self._target = parse_address(target)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.address = format_address("127.0.0.1", self._listening.getsockname()[1])
        self.up, self.down = Direction(), Direction()
        self.accepted = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.reset()
        self.up.recover()
        self.down.recover()

    def reset(self) -> int:
        """Resets every connection, in both directions; returns how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _reset(*pair)
        return len(pairs)

    def half_close(self) -> None:
        """Tells the listener that no more will come, on every connection, while the other direction goes on."""
        with self._lock:
            for _, server in self._pairs:
                server.shutdown(socket.SHUT_WR)

    def wait_accepted(self, count: int) -> None:
        """Waits until there have been so many connections."""
        wait_until(lambda: self.accepted >= count)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, WITHIN_S)
            except OSError:  # nobody listens there just now
                client.close()
                continue
            for end in (client, server):
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.append((client, server))
            self.accepted += 1
            threading.Thread(target=self._connect, args=(client, server), daemon=True).start()

    def _connect(self, client: socket.socket, server: socket.socket) -> None:
        """Passes bytes on both ways until both ends have said that no more will come, or one is gone."""
        back = threading.Thread(target=self._pump, args=(server, client, self.down), daemon=True)
        back.start()
        self._pump(client, server, self.up)
        back.join()
        with self._lock:
            if (client, server) in self._pairs:
                self._pairs.remove((client, server))
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        try:
            while data := direction.read(source):
                data, is_cut = direction.treat(data)
                direction.write(sink, data)
                if is_cut:
                    _reset(source, sink)
                    return
            sink.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):  # a ValueError for a socket that was closed meanwhile
            _reset(source, sink)  # the other end, or the test, has ended it


def _has_bytes(source: socket.socket, within_ms: int | None) -> bool:
    """Waits until there is something to read, or the end."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(within_ms))


def _wait_while(condition: Callable[[], bool]) -> None:
    while condition():
        time.sleep(0.005)


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
        except OSError:
            pass  # it has ended already
        end.close()
