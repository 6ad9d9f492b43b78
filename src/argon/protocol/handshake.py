"""Proof of the shared secret, before anything else is decoded.

In: bytes and nonces. Out: bytes to send, and the peer's role once it has proved that it knows the token. The token
itself never travels; each side proves it over both nonces, its role and the protocol version, so that neither a
replay nor a reflection helps. It must never parse anything of variable length.

    client → cluster   magic, version, role                                    (the client speaks first)
    cluster → client   magic, version, nonce
    client → cluster   nonce, HMAC-SHA256(token, "client" ‖ version ‖ role ‖ both nonces)
    cluster → client   HMAC-SHA256(token, "cluster" ‖ version ‖ role ‖ both nonces)
"""

from __future__ import annotations

import hashlib
import hmac
from enum import IntEnum
from typing import Final

MAGIC: Final = b"\xa7RG1"
VERSION: Final = 1
NONCE_BYTES: Final = 32
_MAC_BYTES: Final = 32
_OPENING_BYTES: Final = len(MAGIC) + 2
_CHALLENGE_BYTES: Final = len(MAGIC) + 1 + NONCE_BYTES
_PROOF_BYTES: Final = NONCE_BYTES + _MAC_BYTES

_HTTP_METHODS: Final = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"PATC", b"CONN", b"TRAC")
_HTTP_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This is an Argon task port, not HTTP.\n"
)


class Role(IntEnum):
    """What the connecting side is."""

    CLIENT = 1
    NODE = 2


class HandshakeFailed(Exception):
    """The peer is rejected.

    Attributes:
        reason: one sentence for the log of this side.
        answer: bytes to send before closing.
        authentication: whether the token was the matter.
    """

    def __init__(self, reason: str, answer: bytes = b"", authentication: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.authentication = authentication


class ClusterHandshake:
    """The accepting side. It sends nothing first: feed it bytes until it is ``done``.

    Args:
        token: the shared secret.
        nonce: 32 fresh random bytes.

    Attributes:
        done: whether the peer has proved the token.
        peer_role: what the peer is, once it is done.
        rest: the bytes that came after the handshake.
    """

    def __init__(self, token: bytes, nonce: bytes) -> None:
        self._token = token
        self._nonce = nonce
        self._buffer = b""
        self._claimed: Role | None = None
        self.done = False
        self.peer_role: Role | None = None
        self.rest = b""

    def opening(self) -> bytes:
        """The first bytes to send: none, since the dialling side speaks first."""
        return b""

    def feed(self, data: bytes) -> bytes:
        """Takes bytes; returns what to send.

        Raises:
            HandshakeFailed: send its ``answer`` and close.
        """
        self._buffer += data
        out = b""
        if self._claimed is None:
            if not _begins_like_argon(self._buffer):
                raise _refuse_stranger(self._buffer)
            if len(self._buffer) < _OPENING_BYTES:
                return b""
            version, role = self._buffer[4], self._buffer[5]
            if version != VERSION:
                answer = MAGIC + bytes([VERSION]) + bytes(NONCE_BYTES)
                raise HandshakeFailed(f"the peer speaks protocol {version}, this side {VERSION}", answer)
            if role not in (Role.CLIENT, Role.NODE):
                raise HandshakeFailed(f"role {role} is unknown")
            self._claimed = Role(role)
            self._buffer = self._buffer[_OPENING_BYTES:]
            out = MAGIC + bytes([VERSION]) + self._nonce
        if len(self._buffer) < _PROOF_BYTES:
            return out
        nonce, mac = self._buffer[:NONCE_BYTES], self._buffer[NONCE_BYTES:_PROOF_BYTES]
        if not hmac.compare_digest(mac, _mac(self._token, b"client", self._claimed, self._nonce, nonce)):
            raise HandshakeFailed("the peer's token is not this cluster's", bytes(_MAC_BYTES), authentication=True)
        self.rest = self._buffer[_PROOF_BYTES:]
        self.peer_role = self._claimed
        self.done = True
        return out + _mac(self._token, b"cluster", self._claimed, self._nonce, nonce)


class PeerHandshake:
    """The dialling side. Send ``opening()``, then feed it bytes until it is ``done``.

    Args:
        token: the shared secret.
        role: what this side is.
        nonce: 32 fresh random bytes.

    Attributes:
        done: whether the cluster has proved the token.
        peer_role: None, since the peer is the cluster.
        rest: the bytes that came after the handshake.
    """

    def __init__(self, token: bytes, role: Role, nonce: bytes) -> None:
        self._token = token
        self._role = role
        self._nonce = nonce
        self._cluster_nonce = b""
        self._buffer = b""
        self.done = False
        self.peer_role: Role | None = None
        self.rest = b""

    def opening(self) -> bytes:
        """The first bytes to send."""
        return MAGIC + bytes([VERSION, self._role])

    def feed(self, data: bytes) -> bytes:
        """Takes bytes; returns what to send.

        Raises:
            HandshakeFailed: close; the reason says whether it was the token, the version, or not a cluster at all.
        """
        self._buffer += data
        out = b""
        if not self._cluster_nonce:
            if not _begins_like_argon(self._buffer):
                raise HandshakeFailed("what answers there is not an Argon cluster")
            if len(self._buffer) < _CHALLENGE_BYTES:
                return b""
            version = self._buffer[4]
            if version != VERSION:
                raise HandshakeFailed(
                    f"the cluster speaks protocol {version}, this side {VERSION}; upgrade the older one"
                )
            self._cluster_nonce = self._buffer[5:_CHALLENGE_BYTES]
            self._buffer = self._buffer[_CHALLENGE_BYTES:]
            out = self._nonce + _mac(self._token, b"client", self._role, self._cluster_nonce, self._nonce)
        if len(self._buffer) < _MAC_BYTES:
            return out
        expected = _mac(self._token, b"cluster", self._role, self._cluster_nonce, self._nonce)
        if not hmac.compare_digest(self._buffer[:_MAC_BYTES], expected):
            raise HandshakeFailed("the cluster rejected this token", authentication=True)
        self.rest = self._buffer[_MAC_BYTES:]
        self.done = True
        return out


def _mac(token: bytes, side: bytes, role: Role, cluster_nonce: bytes, peer_nonce: bytes) -> bytes:
    return hmac.digest(token, side + bytes([VERSION, role]) + cluster_nonce + peer_nonce, hashlib.sha256)


def _begins_like_argon(data: bytes) -> bool:
    return MAGIC.startswith(data[: len(MAGIC)])


def _refuse_stranger(data: bytes) -> HandshakeFailed:
    if data[:4] in _HTTP_METHODS:
        return HandshakeFailed("the peer speaks HTTP; this is a task port", _HTTP_ANSWER)
    if data[:1] == b"\x16":
        return HandshakeFailed("the peer speaks TLS; this port is plain")
    return HandshakeFailed(f"bad magic: expected {MAGIC.hex(' ')}, got {data[:4].hex(' ')}")
