"""Payloads put together and taken apart, and those that do not add up."""

from __future__ import annotations

import pytest

from argon.call.envelope import ALIGNMENT, seal, seal_small, unseal


def joined(name: bytes, data: bytes, *buffers: bytes) -> bytearray:
    payload = seal(name, data, list(buffers))
    return bytearray(payload) if isinstance(payload, bytes) else bytearray().join(payload)


def test_payload_without_buffers_is_one_piece() -> None:
    assert seal(b"m:f", b"pickle", []) == seal_small(b"m:f", b"pickle")
    assert unseal(seal_small(b"m:f", b"pickle")) == (b"m:f", b"pickle", None)


def test_buffers_are_segments_and_not_copied() -> None:
    block = bytes(1000)
    payload = seal(b"", b"pickle", [block])
    assert isinstance(payload, tuple)
    assert payload[1] is block


@pytest.mark.parametrize("blocks", [[b"x" * 5], [b"x" * 16, b"", b"y" * 33], [b"z" * 100_000]])
def test_buffers_come_back_aligned_and_writable(blocks: list[bytes]) -> None:
    payload = joined(b"module:name", b"pickle", *blocks)
    name, data, buffers = unseal(payload)
    assert (name, bytes(data)) == (b"module:name", b"pickle")
    assert buffers is not None
    assert [bytes(buffer) for buffer in buffers] == blocks
    whole = memoryview(payload)
    for buffer, block in zip(buffers, blocks, strict=True):
        assert not buffer.readonly
        if block:
            buffer[:1] = b"!"
            assert any(whole[at] == ord("!") for at in range(0, len(whole), ALIGNMENT))


def test_bytes_are_borrowed_and_their_buffers_copied() -> None:
    payload = bytes(joined(b"", b"pickle", b"block" * 10))
    _, _, buffers = unseal(payload)
    assert buffers is not None
    buffers[0][:5] = b"other"
    assert payload == joined(b"", b"pickle", b"block" * 10)


def test_cut_or_extended_payload_is_refused() -> None:
    for whole in (joined(b"name", b"pickle"), joined(b"name", b"pickle", b"block" * 10)):
        for length in range(len(whole)):
            with pytest.raises(ValueError, match="bytes"):
                unseal(bytes(whole[:length]))
        with pytest.raises(ValueError, match="bytes"):
            unseal(bytes(whole) + b"x")


def test_lengths_that_lie_are_refused_without_allocating() -> None:
    whole = joined(b"", b"", b"block")
    whole[8:16] = b"\xff" * 8
    with pytest.raises(ValueError, match="announced"):
        unseal(whole)
