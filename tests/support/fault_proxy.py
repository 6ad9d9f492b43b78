"""A TCP proxy that does to a connection what networks do: delays, splits, cuts, corrupts, swallows, resets it.

In: the address of whoever listens, and faults that a test switches on and off. Out: an address to connect to, and
counts of what has happened, since a fault that did not happen proves nothing. Loopback only; it ends with its ``with``.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Self

from argon.settings import format_address, parse_address
from tests.support.waiting import WITHIN_S, wait_until

READ_BYTES = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time at all


class Direction:
    """What happens to the bytes of one direction, of all connections.

    Attributes:
        delay_s: how long each read is held back.
        piece_bytes: the bytes are passed on in pieces of this size; 0 for as they come.
        swallows: nothing is passed on, and nobody is told.
        corrupt_at: the byte in which the next bit is flipped, counted from now; -1 for none.
        cut_after: the connection is reset after so many bytes more; -1 for never.
        fired: how often one of the last three has happened, or a piece was held back or cut off.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.piece_bytes = 0
        self.swallows = False
        self.corrupt_at = -1
        self.cut_after = -1
        self.fired = 0

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
            while data := source.recv(READ_BYTES):
                data, is_cut = direction.treat(data)
                size = direction.piece_bytes or READ_BYTES
                for start in range(0, len(data), size):
                    sink.sendall(data[start : start + size])
                if is_cut:
                    _reset(source, sink)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other end, or the test, has ended it
            _reset(source, sink)


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
        except OSError:
            pass  # it has ended already
        end.close()
