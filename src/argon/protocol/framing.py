"""The bytes of one connection to messages.

In: bytes as they arrive, split anywhere. Out: whole messages, in the order in which they are complete. It must never
allocate by a declared length, and never keep more of an unannounced frame than ``WHOLE_BYTES``: of a larger Submit it
first reports the header (Announced), so that admission is decided before the payload is kept, and then collects the
payload in the chunks in which it comes. One frame at most is open like that; between its fragments others come.
"""

from __future__ import annotations

from typing import Final

from argon.protocol.codec import (
    ASSIGN,
    FRAGMENT,
    FRAGMENTED,
    HEADER_BYTES,
    OUTCOME,
    SUBMIT,
    ProtocolViolation,
    decode,
    read_header,
)
from argon.protocol.messages import Announced, Message, Oversized, Submit
from argon.settings import MAX_CONTROL_BYTES

WHOLE_BYTES: Final = 64 << 10
_CHUNK_MIN_BYTES: Final = 4 << 10


class Framing:
    """The receiving half of a connection.

    Args:
        max_payload_bytes: the largest body of a task or an outcome.

    Attributes:
        stopped: whether it has stopped at an Announced, so that what is decided about that holds for the bytes behind
            it. Then feed it once more, with nothing.
    """

    __slots__ = (
        "_chunks",
        "_header",
        "_max_payload_bytes",
        "_missing",
        "_missing_here",
        "_rest",
        "_unchecked_bytes",
        "stopped",
    )

    def __init__(self, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._unchecked_bytes = min(max_payload_bytes, MAX_CONTROL_BYTES)
        self._rest = b""
        self._missing = 0  # of the open frame
        self._missing_here = 0  # the part of it that comes without a header between
        self._header: tuple[int, int, int, int, float, float, int, int] | None = None
        self._chunks: list[bytes | memoryview] = []
        self.stopped = False

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
        if self._rest:
            data = self._rest + data
        pos, end = 0, len(data)
        if self._missing_here:
            pos = self._collect(data, 0, messages)
        self.stopped = False
        while end - pos >= HEADER_BYTES:
            length, type_, code, attempt, id_, a, b, c, d = read_header(data, pos)
            start = pos + HEADER_BYTES
            if type_ == FRAGMENT:
                if not 0 < length <= self._missing:
                    raise ProtocolViolation(f"a fragment of {length} bytes, where {self._missing} are missing")
                self._missing_here = length
                pos = self._collect(data, start, messages)
                continue
            if type_ >= FRAGMENTED:
                if length <= WHOLE_BYTES:
                    raise ProtocolViolation(f"a frame of {length} bytes in fragments: it must come whole")
                pos = start
                self.stopped = self._open(length, (type_ - FRAGMENTED, code, attempt, id_, a, b, c, d), messages)
                if self.stopped:
                    break
                continue
            pos_next = start + length
            if pos_next > end:
                if length <= WHOLE_BYTES:
                    break
                self._open(length, (type_, code, attempt, id_, a, b, c, d), messages)
                self._missing_here = length
                pos = self._collect(data, start, messages)
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

    def _open(
        self, length: int, header: tuple[int, int, int, int, float, float, int, int], messages: list[Message]
    ) -> bool:
        """A large frame begins; returns whether it is announced."""
        if self._missing:
            raise ProtocolViolation("a large frame inside another")
        type_, _code, _attempt, id_, *_ = header
        self._missing = length
        if not self._check_size(length, type_, id_, messages):
            return False
        self._header = header
        if type_ != SUBMIT:
            return False
        submit = decode(*header, b"")
        assert isinstance(submit, Submit)
        messages.append(Announced(submit, length))
        return True

    def _check_size(self, length: int, type_: int, id_: int, messages: list[Message]) -> bool:
        limit = self._max_payload_bytes if type_ in (SUBMIT, ASSIGN, OUTCOME) else MAX_CONTROL_BYTES
        if length <= limit:
            return True
        if type_ != SUBMIT:
            raise ProtocolViolation(f"a frame of {length} bytes: the limit is {limit}")
        messages.append(Oversized(id_, length))
        return False

    def _collect(self, data: bytes, pos: int, messages: list[Message]) -> int:
        """Takes what there is of the open frame; returns where that ends."""
        size = min(len(data) - pos, self._missing_here)
        self._missing_here -= size
        self._missing -= size
        if self._header is not None:
            if size:
                self._keep(data, pos, size)
            if not self._missing:
                messages.append(decode(*self._header, tuple(self._chunks)))
                self.discard()
        return pos + size

    def _keep(self, data: bytes, pos: int, size: int) -> None:
        """Adds some bytes to the open frame, copied where they are few, or the lesser part of what was read."""
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, bytes) and len(last) < _CHUNK_MIN_BYTES:
            self._chunks[-1] = last + data[pos : pos + size]  # who sends byte by byte must not cost an object a byte
        elif size == len(data):
            self._chunks.append(data)
        elif size >= _CHUNK_MIN_BYTES and 2 * size >= len(data):
            self._chunks.append(memoryview(data)[pos : pos + size])
        else:
            self._chunks.append(data[pos : pos + size])
