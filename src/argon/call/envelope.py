"""A pickle and its buffers as one payload, and back.

In: a name, a pickle and large blocks of memory. Out: a payload whose segments are those very blocks. It must never join
large blocks, never trust a length that it reads, and never look inside the pickle.

    u16 name length · u16 number of buffers · u32 pickle length · name · u64 length of each buffer · pickle · buffers

Each buffer begins at a multiple of 16 bytes, so that an array can be used in place at the other end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from argon.errors import caused_by
from argon.protocol.messages import Payload

ALIGNMENT: Final = 16
DEFINITION_MARK: Final = b"="  # begins the name of what is no function's name but that of a definition

_HEAD: Final = struct.Struct("<HHI")
_HEAD_BYTES: Final = _HEAD.size
_pack: Final = _HEAD.pack
_unpack: Final[Callable[[bytes | bytearray | memoryview], tuple[int, int, int]]] = _HEAD.unpack_from


def seal(name: bytes, data: bytes, buffers: list[bytes | memoryview]) -> Payload:
    """Puts a payload together; raises ValueError when a length does not fit its field."""
    if not buffers:
        return seal_small(name, data)
    try:
        head = _pack(len(name), len(buffers), len(data)) + name
    except struct.error:
        raise caused_by(None, ValueError(f"a pickle of {len(data)} bytes and {len(buffers)} buffers is too large"))
    head += struct.pack(f"<{len(buffers)}Q", *map(len, buffers)) + data
    segments: list[bytes | memoryview] = [head + bytes(-len(head) % ALIGNMENT)]
    for buffer in buffers:
        segments.append(buffer)
        if len(buffer) % ALIGNMENT:
            segments.append(bytes(-len(buffer) % ALIGNMENT))
    return tuple(segments)


def seal_small(name: bytes, data: bytes) -> bytes:
    """The same when there are no buffers, which is nearly always."""
    try:
        return _pack(len(name), 0, len(data)) + name + data
    except struct.error:
        raise caused_by(None, ValueError(f"a pickle of {len(data)} bytes is too large"))


def unseal(payload: bytes | bytearray | memoryview) -> tuple[bytes, bytes | memoryview, list[memoryview] | None]:
    """Takes a payload apart; raises ValueError when its lengths do not add up.

    Buffers are views of a bytearray, which is taken over; out of anything else, which is borrowed, they are copied.
    """
    size = len(payload)
    if size < _HEAD_BYTES:
        raise ValueError(f"a payload of {size} bytes")
    name_bytes, count, pickle_bytes = _unpack(payload)
    start = _HEAD_BYTES + name_bytes
    end = start + 8 * count + pickle_bytes
    if size < end or (size > end and not count):
        raise ValueError(f"a payload of {size} bytes, where {end} are announced")
    if not count and isinstance(payload, bytes):
        return payload[_HEAD_BYTES:start], payload[start:], None  # views of so little would take longer
    view = memoryview(payload)
    lengths = struct.unpack_from(f"<{count}Q", view, start)
    starts = list(accumulate(map(_aligned, lengths), initial=_aligned(end)))
    if count and size != starts[-1]:
        raise ValueError(f"a payload of {size} bytes, where {starts[-1]} are announced")
    owned = view if isinstance(payload, bytearray) else memoryview(bytearray(view))
    buffers = [owned[begin : begin + length] for begin, length in zip(starts, lengths, strict=False)]
    return bytes(view[_HEAD_BYTES:start]), view[start + 8 * count : end], buffers


def _aligned(length: int) -> int:
    return length + -length % ALIGNMENT
