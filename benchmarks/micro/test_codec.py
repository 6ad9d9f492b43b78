"""One message to its header and back, as many times as a batch has tasks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from argon.protocol.codec import HEADER, HEADER_BYTES, decode, encode
from argon.protocol.messages import Message
from benchmarks.micro.messages import Measure, assigns, completed, in_batches, submits

MESSAGES: dict[str, Callable[[int], list[Message]]] = {
    "submit": submits,
    "assign": assigns,
    "outcome": lambda count: [*completed((id_, 1) for id_ in range(count))],
}
of_each_type = pytest.mark.parametrize("what", MESSAGES)


@in_batches
@of_each_type
def test_codec_encode(benchmark: Measure, what: str, batch: int) -> None:
    messages = MESSAGES[what](batch)

    def encode_all() -> bytes:
        header = b""
        for message in messages:
            header, _ = encode(message)
        return header

    header = benchmark(encode_all)
    assert isinstance(header, bytes)
    assert len(header) == HEADER_BYTES


@in_batches
@of_each_type
def test_codec_decode(benchmark: Measure, what: str, batch: int) -> None:
    messages = MESSAGES[what](batch)
    parts = []
    for message in messages:
        header, payload = encode(message)
        _length, type_, code, attempt, id_, a, b, c, d = HEADER.unpack(header)
        parts.append((type_, code, attempt, id_, a, b, c, d, payload))

    def decode_all() -> type[object]:
        message: Message | None = None
        for part in parts:
            message = decode(*part)
        return type(message)

    assert benchmark(decode_all) is type(messages[-1])
