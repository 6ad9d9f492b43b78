"""Bytes to messages, split anywhere; bytes from outside never raise anything but ProtocolViolation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.protocol.codec import FRAGMENT, FRAGMENTED, HEADER, HEADER_BYTES, SUBMIT, ProtocolViolation, encode
from argon.protocol.framing import WHOLE_BYTES, Framing
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Payload,
    Status,
    StatusReply,
    Submit,
)
from argon.settings import MAX_CONTROL_BYTES, MAX_PAYLOAD_BYTES

LARGE = WHOLE_BYTES + 1000


def to_bytes(*messages: Message) -> bytes:
    parts: list[bytes | memoryview] = []
    for message in messages:
        head, payload = encode(message)
        parts += [head, *(payload if isinstance(payload, tuple) else (payload,))]
    return b"".join(parts)


def joined(payload: Payload) -> bytes:
    return payload if isinstance(payload, bytes) else b"".join(payload)


def parse(chunks: Iterable[bytes], max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> list[Message]:
    """All messages of the chunks; payloads in one piece, and without what is only said of frames under way."""
    framing = Framing(max_payload_bytes)
    messages = [message for chunk in chunks for message in framing.feed(chunk)]
    for message in messages:
        if isinstance(message, Submit | Assign | Outcome):
            message.payload = joined(message.payload)
    return [message for message in messages if not isinstance(message, Announced)]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


SIZES = st.one_of(
    st.integers(0, 40), st.sampled_from([WHOLE_BYTES - 1, WHOLE_BYTES, WHOLE_BYTES + 1, LARGE, 3 * LARGE])
)
FRAMES = st.tuples(st.sampled_from(["submit", "assign", "outcome", "reply", "cancel", "heartbeat"]), SIZES)
PLACES = st.lists(st.integers(0, 1 << 20), max_size=12)


def build(kind: str, size: int) -> Message:
    payload = bytes([size % 251]) * size
    match kind:
        case "submit":
            return Submit(size, size % 5, False, 0.0, 1, 0, payload)
        case "assign":
            return Assign(size, 1, 2, 0.0, 1, payload)
        case "outcome":
            return Outcome(size, Status.COMPLETED, payload=payload)
        case "reply":
            return StatusReply(payload)
        case "cancel":
            return Cancel(size)
        case _:
            return Heartbeat()


@given(frames=st.lists(FRAMES, max_size=8), places=PLACES)
@settings(max_examples=100, deadline=None)
def test_stream_cut_anywhere_is_parsed_like_the_whole(frames: list[tuple[str, int]], places: list[int]) -> None:
    messages = [build(*frame) for frame in frames]
    data = to_bytes(*messages)
    assert parse([data]) == messages
    assert parse(cut(data, places)) == messages


@given(frames=st.lists(FRAMES, max_size=8), places=PLACES)
@settings(max_examples=100, deadline=None)
def test_stream_under_a_low_limit_cut_anywhere_is_parsed_like_the_whole(
    frames: list[tuple[str, int]], places: list[int]
) -> None:
    # Only a Submit may be too large; an Assign or an Outcome would end the connection.
    messages = [build(*frame) for frame in frames if frame[0] not in ("assign", "outcome")]
    expected = [Oversized(m.id, m.id) if isinstance(m, Submit) and m.id > 1000 else m for m in messages]
    data = to_bytes(*messages)
    assert parse([data], 1000) == expected
    assert parse(cut(data, places), 1000) == expected


@given(frames=st.lists(FRAMES, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_stream_byte_by_byte_at_the_edges_is_parsed_like_the_whole(frames: list[tuple[str, int]]) -> None:
    messages = [build(*frame) for frame in frames]
    data = to_bytes(*messages)
    edges = [place for place in range(len(data)) if place < 80 or place > len(data) - 80]
    assert parse(cut(data, edges)) == messages


def test_every_single_cut_of_a_large_submit_gives_it_whole() -> None:
    submit = Submit(1, 2, False, 0.0, 1, 0, b"x" * LARGE)
    data = to_bytes(Heartbeat(), submit, Cancel(1))
    for place in [*range(120), *range(WHOLE_BYTES - 5, WHOLE_BYTES + 80), *range(len(data) - 70, len(data))]:
        assert parse(cut(data, [place])) == [Heartbeat(), submit, Cancel(1)], f"cut at {place}"


@given(chunks=st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=200, deadline=None)
def test_random_bytes_raise_only_violations(chunks: list[bytes]) -> None:
    framing = Framing(1 << 16)
    with suppress(ProtocolViolation):
        for chunk in chunks:
            framing.feed(chunk)


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 5, 32, WHOLE_BYTES, WHOLE_BYTES + 1, 1 << 19, MAX_CONTROL_BYTES, 1 << 31]),
            st.integers(0, 25),
            st.integers(0, 255),
            st.floats(width=32),
            st.binary(max_size=64),
        ),
        max_size=5,
    )
)
@settings(max_examples=300, deadline=None)
def test_random_headers_raise_only_violations(headers: list[tuple[int, int, int, float, bytes]]) -> None:
    framing = Framing(1 << 18)
    with suppress(ProtocolViolation):
        for length, type_, code, number, body in headers:
            framing.feed(HEADER.pack(length, type_, code, 1, 2, number, 0.0, 3, 4) + body)


def test_large_submit_is_announced_by_its_header_before_its_payload() -> None:
    framing = Framing(MAX_PAYLOAD_BYTES)
    submit = Submit(9, 1, True, 2.0, 3, 4, b"x" * LARGE)
    data = to_bytes(submit)
    assert framing.feed(data[: HEADER_BYTES - 1]) == []
    (announced,) = framing.feed(data[HEADER_BYTES - 1 : HEADER_BYTES])
    assert announced == Announced(Submit(9, 1, True, 2.0, 3, 4, b""), LARGE)
    assert framing.unfinished()
    assert framing.feed(data[HEADER_BYTES:-1]) == []
    (whole,) = framing.feed(data[-1:])
    assert isinstance(whole, Submit)
    assert joined(whole.payload) == submit.payload
    assert not framing.unfinished()


def test_submit_that_has_come_whole_is_not_announced() -> None:
    submit = Submit(9, 1, True, 2.0, 3, 4, b"x" * LARGE)
    assert Framing(MAX_PAYLOAD_BYTES).feed(to_bytes(submit)) == [submit]


def test_discarded_payload_is_skipped_and_what_follows_is_read() -> None:
    framing = Framing(MAX_PAYLOAD_BYTES)
    data = to_bytes(Submit(9, 1, True, 2.0, 3, 4, b"x" * LARGE))
    assert len(framing.feed(data[:500])) == 1
    framing.discard()
    assert framing.feed(data[500:1000]) == []
    assert framing._chunks == []
    assert framing.feed(data[1000:] + to_bytes(Cancel(9))) == [Cancel(9)]


@pytest.mark.parametrize("size", [101, WHOLE_BYTES, LARGE])
def test_submit_over_the_payload_limit_is_reported_and_skipped(size: int) -> None:
    data = to_bytes(Submit(9, 1, False, 0.0, 3, 4, b"x" * size), Heartbeat())
    for chunks in ([data], cut(data, [40]), cut(data, range(0, len(data), 997))):
        assert parse(chunks, 100) == [Oversized(9, size), Heartbeat()]


def test_payload_at_the_limit_is_let_through() -> None:
    submit = Submit(9, 1, False, 0.0, 3, 4, b"x" * 100)
    assert parse([to_bytes(submit)], 100) == [submit]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        Assign(1, 1, 0, 0.0, 0, b"x" * (LARGE + 1)),
        Outcome(1, 0, payload=b"x" * (LARGE + 1)),
        StatusReply(b"x" * MAX_CONTROL_BYTES),
    ],
    ids=lambda message: type(message).__name__,
)
def test_other_frame_over_its_limit_is_a_violation(message: Message, whole: bool) -> None:
    data = to_bytes(message)
    limit = MAX_PAYLOAD_BYTES if isinstance(message, StatusReply) else LARGE
    with pytest.raises(ProtocolViolation, match="limit"):
        Framing(limit).feed(data if whole else data[:HEADER_BYTES])


@pytest.mark.parametrize("size", [200, MAX_CONTROL_BYTES + 1])
def test_limit_that_is_learned_later_holds_from_then_on(size: int) -> None:
    framing = Framing(0)
    outcome = Outcome(1, 0, payload=b"x" * size)
    assert framing.feed(to_bytes(Heartbeat(), Outcome(1, 0))) == [Heartbeat(), Outcome(1, 0)]
    framing.limit_payloads(size)
    assert framing.feed(to_bytes(outcome)) == [outcome]
    framing.limit_payloads(size - 1)
    with pytest.raises(ProtocolViolation, match=f"the limit is {size - 1}"):
        framing.feed(to_bytes(outcome))


@pytest.mark.parametrize("places", [[], [500], [40, WHOLE_BYTES]])
def test_control_message_larger_than_the_payload_limit_is_read(places: list[int]) -> None:
    reply = StatusReply(b"x" * (WHOLE_BYTES + 5000))
    assert parse(cut(to_bytes(reply, Heartbeat()), places), max_payload_bytes=100) == [reply, Heartbeat()]


def fragmented(length: int) -> bytes:
    return HEADER.pack(length, SUBMIT | FRAGMENTED, 2, 0, 7, 0.0, 0.0, 0, 0)


def fragment(length: int) -> bytes:
    return HEADER.pack(length, FRAGMENT, 0, 0, 0, 0.0, 0.0, 0, 0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (fragment(5), "a fragment of 5 bytes, where 0 are missing"),
        (fragmented(LARGE) + fragment(0), "a fragment of 0 bytes"),
        (fragmented(LARGE) + fragment(LARGE + 1), "a fragment of"),
        (fragmented(WHOLE_BYTES), "it must come whole"),
        (fragmented(LARGE) + fragmented(LARGE), "inside another"),
        (fragmented(LARGE) + HEADER.pack(LARGE, 3, 0, 0, 1, 0.0, 0.0, 0, 0), "inside another"),
        (HEADER.pack(LARGE, 0x50, 0, 0, 0, 0.0, 0.0, 0, 0) + bytes(LARGE), "frame type 80 is unknown"),
        (HEADER.pack(LARGE, 0x90, 0, 0, 0, 0.0, 0.0, 0, 0) + fragment(LARGE) + bytes(LARGE), "cannot be read"),
        (HEADER.pack(LARGE, 0xC0, 0, 0, 0, 0.0, 0.0, 0, 0) + fragment(LARGE) + bytes(LARGE), "frame type 64"),
    ],
)
def test_fragments_that_do_not_fit_are_a_violation(data: bytes, says: str) -> None:
    with pytest.raises(ProtocolViolation, match=says):
        parse([data, b""])


def test_fragmented_submit_over_the_payload_limit_is_reported_and_skipped_and_what_is_between_is_read() -> None:
    half = fragment(LARGE) + bytes(LARGE)
    data = fragmented(2 * LARGE) + half + to_bytes(Heartbeat()) + half + to_bytes(Cancel(9))
    for places in ([], range(0, len(data), 997)):
        assert parse(cut(data, places), 1000) == [Oversized(7, 2 * LARGE), Heartbeat(), Cancel(9)]


def test_declared_length_allocates_nothing() -> None:
    framing = Framing(1 << 31)
    framing.feed(HEADER.pack(1 << 31, 1, 0, 0, 1, 0.0, 0.0, 0, 0))
    assert framing._chunks == []


def test_payload_in_single_bytes_is_kept_in_few_chunks() -> None:
    framing = Framing(MAX_PAYLOAD_BYTES)
    data = to_bytes(Submit(9, 1, False, 0.0, 3, 4, bytes(range(256)) * 300))
    framing.feed(data[:1000])
    for place in range(1000, 20_000):
        framing.feed(data[place : place + 1])
    assert len(framing._chunks) < 20
    (submit,) = framing.feed(data[20_000:])
    assert isinstance(submit, Submit)
    assert joined(submit.payload) == bytes(range(256)) * 300
