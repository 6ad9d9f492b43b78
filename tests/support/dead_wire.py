"""A wire that is cut: the kernel drops whatever comes in on a connection, so that the other end gets no answer."""

from __future__ import annotations

import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_DROP_EVERYTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # a program of one instruction: keep 0 bytes of each packet


def cut(sock: socket.socket) -> None:
    """From now on nothing that is sent to this TCP socket arrives, not even an acknowledgement."""
    program = ctypes.create_string_buffer(_DROP_EVERYTHING)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


def mend(sock: socket.socket) -> None:
    """Everything arrives again, what was lost meanwhile included: it is sent again."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
