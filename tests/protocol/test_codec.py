"""Messages to bytes and back; bytes from outside never raise anything but ProtocolViolation."""

from __future__ import annotations

from contextlib import suppress
from math import inf, nan
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.errors import RejectReason
from argon.protocol.codec import (
    HEADER,
    HEADER_BYTES,
    OUTCOME,
    SUBMIT,
    ProtocolViolation,
    decode,
    decode_diagnosis,
    decode_in_worker,
    encode,
    encode_diagnosis,
    encode_from_worker,
    encode_to_worker,
    submits_in,
)
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import (
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainReply,
    ExplainRequest,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Reject,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
)
from tests.support.records import replaced

U32, U64 = (1 << 32) - 1, (1 << 64) - 1
CONTROL_TYPES = range(16, 26)
Fields: TypeAlias = tuple[int, int, int, int, float, float, int, int]  # of a header, but for the length
NO_TIMES = [(-1.0, 0.0), (0.0, -1.0), (nan, 0.0), (0.0, nan), (inf, 0.0), (0.0, inf)]

MESSAGES: list[Message] = [
    Submit(1, 0, False, 0.0, 0, 0, b""),
    Submit(U64, 4, True, 2.5, U32, U32, b"payload"),
    Submit(2, 1, False, 0.0, 3, 0, b"payload", 4.25),
    Assign(7, 65535, 3, 0.5, 9, b"payload"),
    Outcome(3, Status.COMPLETED, Entered.YES, 1, 0.25, 0.5, 12, 0, b"value"),
    Reject(4, RejectReason.DEADLINE, 1.5, 1),
    Outcome(5, Status.LOST, Entered.UNKNOWN, 3),
    Cancel(8),
    Cancel(8, True),
    StillRunning(8),
    Welcome(1, 128, 64 << 20, 5.0, 15.0),
    Register("node-1", U64),
    Capacity(4),
    Capacity(4, 0.25),
    Heartbeat(),
    Heartbeat(credits=7),
    Drain(),
    Goodbye("that is all – bye"),
    StatusRequest(),
    StatusReply(b'{"queue_length": 0}'),
    ExplainRequest(3, U64),
    ExplainReply(b'{"task": "3.17"}'),
]


def through_the_wire(message: Message) -> Message:
    head, payload = encode(message)
    length, *fields = HEADER.unpack_from(head)
    body = head[HEADER_BYTES:] or payload
    assert length == len(body)
    return decode(*fields, body)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_message_through_the_wire_is_the_same(message: Message) -> None:
    assert through_the_wire(message) == message


def test_every_message_on_the_wire_is_tried() -> None:
    inside = {"Announced", "Oversized"}
    assert {type(message) for message in MESSAGES} == {
        cls
        for cls in Message.__args__
        if cls.__name__ not in inside  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("message", MESSAGES[:5], ids=lambda message: type(message).__name__)
def test_payload_of_chunks_is_counted_and_passed_on_as_it_is(message: Submit | Assign | Outcome) -> None:
    chunked = replaced(message, payload=(b"ab", memoryview(b"cde")))
    head, payload = encode(chunked)
    assert payload is chunked.payload
    assert HEADER.unpack(head)[0] == 5


def test_task_for_a_worker_is_read_where_it_begins_in_its_packet() -> None:
    packet = b"before" + encode_to_worker(U64, 2.5, 7, 1 << 31) + b"payload"
    assert decode_in_worker(memoryview(packet), len(b"before")) == (7, U64, 2.5, 1 << 31)


@pytest.mark.parametrize(("status", "entered"), [(Status.COMPLETED, Entered.YES), (Status.FAILED, Entered.NO)])
def test_answer_of_a_worker_is_an_outcome_to_its_node(status: int, entered: int) -> None:
    header = encode_from_worker(U64, status, entered, 0.25, 5)
    length, *fields = HEADER.unpack_from(header)
    assert length == 5
    assert decode(*fields, b"value") == Outcome(U64, status, entered, run_s=0.25, payload=b"value")


def fields(
    type_: int, code: int = 0, a: float = 0.0, b: float = 0.0
) -> tuple[int, int, int, int, float, float, int, int]:
    return type_, code, 0, 1, a, b, 0, 0


@pytest.mark.parametrize(
    "header",
    [
        *[fields(SUBMIT, code) for code in (5, 0x7F, 0x85, 0xFF)],
        *[fields(SUBMIT, 0, a) for a in (-1.0, nan, inf, 1e9, 1e12)],
        *[fields(SUBMIT, 0, 0.0, b) for b in (-1.0, nan, inf, 1e9, 1e12)],
        *[fields(2, code) for code in (5, 0x80)],
        *[fields(2, 0, a) for a in (-0.5, nan, inf)],
        *[fields(OUTCOME, code) for code in (6, 15, 0x30, 0xF0)],
        *[
            fields(OUTCOME, 0, a, b)
            for a, b in ((-1.0, 0.0), (0.0, -1.0), (nan, 0.0), (0.0, nan), (inf, 0.0), (0.0, inf))
        ],
        *[fields(type_) for type_ in (0, 6, 15, 24, 255)],
    ],
)
def test_number_out_of_range_is_a_violation(header: Fields) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        decode(*header, b"")
    assert caught.value.reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x80",  # an empty map
        b"\x81\xa4name",  # a map that ends early
        msgspec.msgpack.encode({"name": 1, "incarnation": 1, "workers": "4", "reason": 5, "text": 1}),
        msgspec.msgpack.encode({"name": "n", "incarnation": 1.5, "workers": 1.5, "reason": b"x"}),
        b"\x81\xa6reason\xa2\xff\xfe",  # not UTF-8
        b"\x91" * 5000 + b"\x90",  # nested deeper than any stack
        b"\x81\xa1x" + b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million items
        b"\xc9\xff\xff\xff\xff\x01",  # an extension as large
    ],
)
@pytest.mark.parametrize("type_", CONTROL_TYPES)
def test_control_body_that_means_nothing_is_a_violation(type_: int, body: bytes) -> None:
    try:
        decode(type_, 0, 0, 0, 0.0, 0.0, 0, 0, body)
    except ProtocolViolation:
        return
    assert body == b"\x80" or body.startswith((b"\x84", b"\x85", b"\x81\xa6")) or type_ in (19, 20, 22)


@given(type_=st.sampled_from(CONTROL_TYPES), body=st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_control_body_of_random_bytes_raises_only_violations(type_: int, body: bytes) -> None:
    with suppress(ProtocolViolation):
        decode(type_, 0, 0, 0, 0.0, 0.0, 0, 0, body)


@given(
    st.tuples(
        *(st.integers(0, 255) for _ in range(2)),
        st.integers(0, 65535),
        st.integers(0, U64),
        *(st.floats(width=32) for _ in range(2)),
        *(st.integers(0, U32) for _ in range(2)),
    )
)
@settings(max_examples=300, deadline=None)
def test_header_of_random_numbers_raises_only_violations(
    header: Fields,
) -> None:
    with suppress(ProtocolViolation):
        message = decode(*header, b"")
        if isinstance(message, Submit | Assign | Outcome):
            assert through_the_wire(message) == message


def test_control_body_in_chunks_is_read_like_one() -> None:
    reply = StatusReply(b"x" * 100)
    head, _ = encode(reply)
    body = head[HEADER_BYTES:]
    assert decode(*HEADER.unpack_from(head)[1:], (body[:50], body[50:])) == reply


@pytest.mark.parametrize(
    "detail", [Diagnosis(), Diagnosis("it crashed", "node-1", 11, 0, True), Diagnosis(exit_code=3, reason="é")]
)
def test_detail_through_the_wire_is_the_same(detail: Diagnosis) -> None:
    assert decode_diagnosis(encode_diagnosis(detail)) == detail


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90", b"\x81\xa6signal\xa1x", b"\x81\xa6reason\xa1\xff"])
def test_detail_that_means_nothing_is_a_violation(payload: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_diagnosis(payload)


def test_reject_for_a_reason_of_a_newer_cluster_is_still_a_reject() -> None:
    reject = decode(OUTCOME, Status.REJECTED, 0, 9, 0.0, 1.5, 3, 250, b"")
    assert reject == Reject(9, RejectReason.QUEUE_FULL, 1.5, 3)


def test_tasks_are_found_in_what_was_not_sent() -> None:
    frames = [Heartbeat(), Submit(7, 2, False, 0.0, 1, 0, b""), Goodbye("end"), Submit(8, 2, False, 0.0, 1, 0, b"xyz")]
    data = b"".join(header + bytes(payload) for header, payload in map(encode, frames))  # type: ignore[arg-type]
    assert submits_in(data) == [7, 8]
    assert submits_in(b"") == []
