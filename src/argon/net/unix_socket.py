"""The short way between processes of one user on one machine: a Unix socket beside each port that is listened on.

In: a loopback address and a port. Out: a socket that listens beside it, or one that is connected. It must never take a
peer for what it says it is: the token is proved on it as on any other, and the kernel tells whose process listens.

The socket has an abstract name made of the address and the port: there is no file, it is gone with its listener, and
other network namespaces do not see it. Somebody else's process could take the name before its owner does, so a listener
of another user is passed over, and the caller goes by TCP.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import Final

_SUPPORTED: Final = hasattr(socket, "SO_PEERCRED")  # Linux has it, and abstract names
_CREDENTIALS: Final = struct.Struct("3i")  # process, user, group


def listen_beside(address: str, port: int, backlog: int) -> socket.socket | None:
    """Listens beside a TCP port of this machine; None where that cannot be done, which hurts nobody."""
    if not _SUPPORTED:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(_name(address, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        return None
    return sock


def connect_beside(host: str, port: int) -> socket.socket | None:
    """Connects to whoever of the same user, or root, listens beside this port; None if nobody does, or has no room."""
    for address in _loopback(host):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(_name(address, port))
            if _listening_user(sock) in (0, os.geteuid()):
                return sock
        except OSError:  # nobody listens there, or it has no room: EAGAIN, which event loops take for success
            pass
        sock.close()
    return None


def _listening_user(sock: socket.socket) -> int:
    _, user, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(user)


def _name(address: str, port: int) -> str:
    return f"\0argon/{address}:{port}"


def _loopback(host: str) -> list[str]:
    """The loopback addresses that a host stands for, without asking anybody, in the order in which TCP tries them."""
    if not _SUPPORTED:
        return []
    if host == "localhost":
        return ["::1", "127.0.0.1"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [str(address)] if address.is_loopback else []
