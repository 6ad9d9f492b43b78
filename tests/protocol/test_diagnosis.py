"""What a cluster knows about an outcome travels with what it says, and nothing else."""

from __future__ import annotations

from argon.protocol.codec import decode_diagnosis, encode_diagnosis
from argon.protocol.diagnosis import Diagnosis


def test_detail_through_the_wire_is_the_same() -> None:
    detail = Diagnosis("why", "node-1", 9, 1, True)
    assert decode_diagnosis(encode_diagnosis(detail)) == detail


def test_detail_without_more_takes_one_byte() -> None:
    assert encode_diagnosis(Diagnosis()) == b"\x80"
