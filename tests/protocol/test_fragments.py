"""Large messages, cut: what passes them, what does not, and that the other side puts them together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argon.protocol.codec import HEADER_BYTES, encode
from argon.protocol.fragments import Fragments, Pieces
from argon.protocol.framing import WHOLE_BYTES, Framing
from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Payload,
    StatusRequest,
    StillRunning,
    Submit,
)
from argon.settings import MAX_PAYLOAD_BYTES

FRAGMENT = WHOLE_BYTES
LARGE = 5 * FRAGMENT + 77


def submit(id_: int, payload: Payload = b"p", priority: int = 2) -> Submit:
    return Submit(id_, priority, False, 0.0, 0, 0, payload)


def waiting(*messages: Message) -> Fragments:
    fragments = Fragments(FRAGMENT)
    for message in messages:
        fragments.put(message, *encode(message))
    return fragments


def all_of(fragments: Fragments) -> list[Pieces]:
    return list(iter(fragments.take, []))


def feed(framing: Framing, data: bytes) -> list[Message]:
    messages = framing.feed(data)
    while framing.stopped:
        messages += framing.feed(b"")
    return messages


def joined(message: Message) -> Any:
    if isinstance(message, Submit | Outcome) and not isinstance(message.payload, bytes):
        message.payload = b"".join(message.payload)
    return message


SIZES = st.sampled_from([0, 10, WHOLE_BYTES, FRAGMENT + 1, 2 * FRAGMENT, 2 * FRAGMENT + 1, 3 * FRAGMENT, LARGE])


@given(sizes=st.lists(SIZES, max_size=6), steps=st.lists(st.integers(1, 200_000), max_size=30))
@settings(max_examples=60, deadline=None)
def test_everything_arrives_in_order_with_small_messages_between(sizes: list[int], steps: list[int]) -> None:
    large = [submit(number, bytes([number]) * size) for number, size in enumerate(sizes)]
    fragments = waiting(*large)
    data, beats = b"", 0
    while pieces := fragments.take():
        data += b"".join(pieces) + encode(Heartbeat())[0]
        beats += 1
    framing, messages = Framing(MAX_PAYLOAD_BYTES), []
    for step in [*steps, len(data)]:
        messages += feed(framing, data[:step])
        data = data[step:]
    assert [joined(m) for m in messages if isinstance(m, Submit)] == large
    assert sum(isinstance(m, Heartbeat) for m in messages) == beats
    assert not framing.unfinished()


def test_large_message_leaves_in_fragments_and_others_whole() -> None:
    sizes = [len(b"".join(pieces)) for pieces in all_of(waiting(submit(1, bytes(LARGE))))]
    head = HEADER_BYTES
    assert sizes == [head + head + FRAGMENT, *[head + FRAGMENT] * 4, head + 77]
    (pieces,) = all_of(waiting(submit(1, bytes(2 * FRAGMENT))))
    assert len(b"".join(pieces)) == HEADER_BYTES + 2 * FRAGMENT


def test_payload_is_never_copied() -> None:
    chunks = (b"small", bytes(LARGE), memoryview(bytes(LARGE)), b"end")
    whole = (b"small", bytes(FRAGMENT))
    views = [piece for pieces in all_of(waiting(submit(1, chunks), submit(2, whole))) for piece in pieces]
    kept = {id(chunk) for chunk in (chunks[1], chunks[2].obj, whole[1])}  # type: ignore[union-attr]
    large = [piece for piece in views if len(piece) > 1000]
    assert {id(getattr(piece, "obj", piece)) for piece in large} == kept


def test_size_counts_what_waits() -> None:
    fragments = waiting(submit(1, bytes(LARGE)), submit(2, bytes(FRAGMENT)), Drain())
    sizes = [fragments.size_bytes]
    while fragments.take():
        sizes.append(fragments.size_bytes)
    assert sizes[0] > LARGE + FRAGMENT + 2 * HEADER_BYTES
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0


@pytest.mark.parametrize(
    "message",
    [Heartbeat(), submit(2, priority=3), Assign(2, 1, 2, 0.0, 0, b""), Outcome(2, 0), StillRunning(2), Cancel(2)],
)
def test_answers_heartbeats_and_tasks_of_another_priority_may_pass(message: Message) -> None:
    assert waiting(submit(1, bytes(LARGE)), Drain()).passes(message)


@pytest.mark.parametrize("message", [Drain(), Goodbye("enough"), Capacity(1), StatusRequest(), Cancel(1), submit(2)])
def test_what_has_its_place_may_not_pass_nor_a_cancel_its_own_task_nor_a_task_its_elder(message: Message) -> None:
    fragments = waiting(submit(1, bytes(LARGE)))
    assert not fragments.passes(message)
    fragments.take()
    assert not fragments.passes(message), "nor when its task is under way"


def test_announced_message_is_decided_about_before_a_byte_behind_it_is_read() -> None:
    framing = Framing(MAX_PAYLOAD_BYTES)
    data = b"".join(piece for pieces in all_of(waiting(submit(1, bytes(LARGE)))) for piece in pieces)
    (announced,) = framing.feed(data + encode(Cancel(1))[0])
    assert announced == Announced(submit(1, b""), LARGE)
    assert framing.stopped
    framing.discard()
    assert framing.feed(b"") == [Cancel(1)]
    assert not framing.stopped
