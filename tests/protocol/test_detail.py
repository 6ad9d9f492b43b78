"""What a cluster knows about an outcome travels with what it says, and nothing else."""

from __future__ import annotations

from argon.protocol.codec import decode_detail, encode_detail
from argon.protocol.detail import Detail


def test_detail_through_the_wire_is_the_same() -> None:
    detail = Detail("why", "node-1", 9, 1, True)
    assert decode_detail(encode_detail(detail)) == detail


def test_detail_without_more_takes_one_byte() -> None:
    assert encode_detail(Detail()) == b"\x80"
