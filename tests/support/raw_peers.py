"""Connections that do only what a test tells them: they neither read nor live by themselves."""

from __future__ import annotations

import os
import select
import socket
from typing import Self

from argon.net.security import parse_token
from argon.protocol.codec import encode
from argon.protocol.handshake import PeerHandshake, Role
from argon.protocol.messages import Message
from argon.settings import parse_address
from tests.support.waiting import WITHIN_S

RECEIVE_BYTES = 64 << 10  # so little that the kernel keeps hardly anything of what is not read


class RawPeer:
    """A connection over TCP that has proved the token.

    Attributes:
        sock: the connection, with time-outs.
    """

    def __init__(self, address: str, token: str, role: Role = Role.CLIENT) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(WITHIN_S)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        host, port = parse_address(address)
        self.sock.connect(("127.0.0.1" if host == "localhost" else host, port))
        handshake = PeerHandshake(parse_token(token, ""), role, os.urandom(32))
        self.sock.sendall(handshake.opening())
        while not handshake.done:
            self.sock.sendall(handshake.feed(self.sock.recv(1000)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, *messages: Message) -> None:
        """Sends whole frames."""
        for message in messages:
            self.sock.sendall(_frame(message))

    def say_part(self, message: Message, size: int) -> None:
        """Sends the first bytes of a frame."""
        self.sock.sendall(_frame(message)[:size])

    def said_something(self) -> bool:
        """Waits for the first byte of what comes next, and leaves it there."""
        return bool(self.sock.recv(1, socket.MSG_PEEK))

    def is_ended(self) -> bool:
        """Whether the other side has closed the connection; drops what it has said before."""
        readable, _, _ = select.select([self.sock], [], [], 0)
        try:
            return bool(readable) and not self.sock.recv(1 << 20)
        except ConnectionResetError:
            return True


def _frame(message: Message) -> bytes:
    header, payload = encode(message)
    return header + (payload if isinstance(payload, bytes) else b"".join(payload))
