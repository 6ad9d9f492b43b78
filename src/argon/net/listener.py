"""Listening: from a host and a port to sockets that are accepted from, on loopback only.

In: host, port, what to make of a connection. Out: a running listener and its address. It must never listen where others
than this machine can reach it: until the wire is encrypted, that is refused.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from argon.errors import ListenRefused
from argon.net.acceptor import Acceptor
from argon.net.descriptors import raise_descriptor_limit
from argon.net.unix_socket import listen_beside
from argon.settings import MAX_CONNECTIONS, format_address

_BACKLOG: Final = MAX_CONNECTIONS  # all peers may come back at once
_PORT_TRIES: Final = 5


def listen(host: str, port: int, make_protocol: Callable[[], asyncio.Protocol]) -> tuple[Acceptor, str]:
    """Listens, on TCP and beside it on a Unix socket for processes of the same user.

    Args:
        host: a name or address that means this machine only.
        port: 0 lets the system choose.
        make_protocol: called for each connection.

    Returns:
        What accepts there, which the caller closes, and its address, ``host:port``.

    Raises:
        ListenRefused: the host is not loopback, does not resolve, or the port is taken. The message says what to do.
    """
    raise_descriptor_limit(MAX_CONNECTIONS + 256)
    sockets = _bound_sockets(host, _loopback_addresses(host), port)
    address = format_address(host, sockets[0].getsockname()[1])
    for sock in tuple(sockets):
        bound, bound_port, *_ = sock.getsockname()
        beside = listen_beside(bound, bound_port, _BACKLOG)
        if beside is not None:
            sockets.append(beside)
    return Acceptor(sockets, make_protocol), address


def _loopback_addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError) as error:  # a ValueError for what cannot be a name at all
        why = error.strerror if isinstance(error, OSError) else "it is not a host name"
        raise ListenRefused(f"the host {host!r} cannot be resolved: {why}", host=host) from None
    addresses: list[tuple[socket.AddressFamily, str]] = list(
        dict.fromkeys((family, str(sockaddr[0])) for family, _, _, _, sockaddr in found)
    )
    for _, address in addresses:
        if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            raise ListenRefused(
                f"cannot listen on {host!r} ({address}): other machines could reach it, and connections are not"
                " encrypted yet; listen on localhost, and connect from other machines through an SSH tunnel",
                host=host,
            )
    return addresses


def _bound_sockets(host: str, addresses: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    """One for each address that this machine has, all on the same port."""
    sockets: list[socket.socket] = []
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            for family, address in addresses:
                wanted = sockets[0].getsockname()[1] if sockets else port
                sock = _bound_socket(family, address, wanted)
                if sock is not None:
                    sockets.append(sock)
        except ListenRefused:
            for sock in sockets:
                sock.close()
            sockets.clear()
            if port or not tries_left:  # else the system chose a port that is taken on another address
                raise
        else:
            break
    if not sockets:
        raise ListenRefused(f"this machine has none of the addresses of {host!r}", host=host, port=port)
    return sockets


def _bound_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """Binds and listens; None when this machine does not have the address (no IPv6, for example)."""
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        if sock is not None:
            sock.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        what = (
            "is in use; choose another with --port, or stop what listens there"
            if error.errno == errno.EADDRINUSE
            else f"cannot be listened on: {error.strerror}"
        )
        raise ListenRefused(f"{format_address(address, port)} {what}", host=address, port=port) from None
    return sock
