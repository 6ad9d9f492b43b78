"""The bytes of one connection to messages.

In: bytes as they arrive, split anywhere. Out: whole messages, in order. It must never allocate by a declared length,
and never keep more of an unannounced frame than ``WHOLE_BYTES``: of a larger Submit it first reports the header
(Announced), so that admission is decided before the payload is kept, and then collects the payload in the chunks in
which it comes.
"""

from __future__ import annotations

from typing import Final

from argon.protocol.codec import ASSIGN, HEADER_BYTES, OUTCOME, SUBMIT, ProtocolViolation, decode, read_header
from argon.protocol.messages import Announced, Message, Oversized, Submit
from argon.settings import MAX_CONTROL_BYTES

WHOLE_BYTES: Final = 64 << 10
_CHUNK_MIN_BYTES: Final = 4 << 10


class Framing:
    """The receiving half of a connection.

    Args:
        max_payload_bytes: the largest body of a task or an outcome.
    """

    __slots__ = ("_chunks", "_header", "_max_payload_bytes", "_missing", "_rest", "_unchecked_bytes")

    def __init__(self, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._unchecked_bytes = min(max_payload_bytes, MAX_CONTROL_BYTES)
        self._rest = b""
        self._missing = 0
        self._header: tuple[int, int, int, int, float, float, int, int] | None = None
        self._chunks: list[bytes] = []

    def limit_payloads(self, max_payload_bytes: int) -> None:
        """From the next read on, a body of a task or an outcome may be this large."""
        self._max_payload_bytes = max_payload_bytes
        self._unchecked_bytes = min(max_payload_bytes, MAX_CONTROL_BYTES)

    def feed(self, data: bytes) -> list[Message]:
        """Takes bytes and returns the messages that they complete.

        Raises:
            ProtocolViolation: the bytes are not Argon's; close the connection.
        """
        messages: list[Message] = []
        if self._missing:
            data = self._feed_large(data, messages)
            if not data:
                return messages
        elif self._rest:
            data = self._rest + data
        pos, end = 0, len(data)
        while end - pos >= HEADER_BYTES:
            length, type_, code, attempt, id_, a, b, c, d = read_header(data, pos)
            start = pos + HEADER_BYTES
            pos_next = start + length
            if pos_next > end:
                if length <= WHOLE_BYTES:
                    break
                self._begin_large(length, (type_, code, attempt, id_, a, b, c, d), data[start:], messages)
                pos = end
                break
            if length <= self._unchecked_bytes or self._check_size(length, type_, id_, messages):
                messages.append(decode(type_, code, attempt, id_, a, b, c, d, data[start:pos_next]))
            pos = pos_next
        self._rest = data[pos:]
        return messages

    def discard(self) -> None:
        """Drops what is kept of the announced frame, and all that is still to come of it."""
        self._header = None
        self._chunks = []

    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._rest or self._missing)

    def _begin_large(
        self,
        length: int,
        header: tuple[int, int, int, int, float, float, int, int],
        chunk: bytes,
        messages: list[Message],
    ) -> None:
        type_, _code, _attempt, id_, *_ = header
        self._missing = length - len(chunk)
        if not self._check_size(length, type_, id_, messages):
            return
        self._header = header
        self._chunks = [chunk] if chunk else []
        if type_ == SUBMIT:
            submit = decode(*header, b"")
            assert isinstance(submit, Submit)
            messages.append(Announced(submit, length))

    def _check_size(self, length: int, type_: int, id_: int, messages: list[Message]) -> bool:
        limit = self._max_payload_bytes if type_ in (SUBMIT, ASSIGN, OUTCOME) else MAX_CONTROL_BYTES
        if length <= limit:
            return True
        if type_ != SUBMIT:
            raise ProtocolViolation(f"a frame of {length} bytes: the limit is {limit}")
        messages.append(Oversized(id_, length))
        return False

    def _feed_large(self, data: bytes, messages: list[Message]) -> bytes:
        chunk, rest = data, b""
        if len(data) > self._missing:  # compiled, a slice is a copy, also one of everything
            chunk, rest = data[: self._missing], data[self._missing :]
        self._missing -= len(chunk)
        if self._header is not None:
            if self._chunks and len(self._chunks[-1]) < _CHUNK_MIN_BYTES:
                self._chunks[-1] += chunk  # a peer that sends byte by byte must not cost an object a byte
            else:
                self._chunks.append(chunk)
            if not self._missing:
                messages.append(decode(*self._header, tuple(self._chunks)))
                self.discard()
        return rest
