"""Gearman's binary protocol, as much of it as the benchmark needs; both the client and the workers speak it.

In: bytes from a blocking socket. Out: packets. A packet is twelve bytes of header (a magic word, a type and a size, the
numbers big-endian) and then its data, whose parts are separated by zero bytes. It must never look into the data.
"""

from __future__ import annotations

import socket
import struct

HEADER = struct.Struct(">4sII")
REQUEST = b"\0REQ"
FUNCTION = b"call"  # the one function that the workers offer: it runs a pickled call
READ_BYTES = 64 << 10

CAN_DO = 1
PRE_SLEEP = 4
NOOP = 6
SUBMIT_JOB = 7
JOB_CREATED = 8
GRAB_JOB = 9
NO_JOB = 10
JOB_ASSIGN = 11
WORK_COMPLETE = 13
ECHO_REQ = 16
ECHO_RES = 17
ERROR = 19


def packet(what: int, data: bytes = b"") -> bytes:
    """A request's bytes."""
    return HEADER.pack(REQUEST, what, len(data)) + data


class Connection:
    """A connection to the job server that blocks; `timeout_s` bounds every wait for it."""

    def __init__(self, port: int, timeout_s: float | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = bytearray()
        self.send = self._socket.sendall
        self.shut_down = lambda: self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in `receive`
        self.close = self._socket.close

    def receive(self) -> list[tuple[int, bytes]]:
        """Waits for more and returns the packets (type, data) that are whole then; may be none.

        Raises:
            ConnectionError: the server has closed the connection.
        """
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the job server has closed the connection")
        unread = self._unread
        unread += data
        packets = []
        begin, have = 0, len(unread)
        while have - begin >= HEADER.size:
            _, what, size = HEADER.unpack_from(unread, begin)
            end = begin + HEADER.size + size
            if end > have:
                break
            packets.append((what, bytes(unread[begin + HEADER.size : end])))
            begin = end
        del unread[:begin]
        return packets
