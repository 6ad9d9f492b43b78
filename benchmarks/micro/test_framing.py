"""Bytes of a connection to messages: small tasks and outcomes a read at a time, and one large payload in many reads."""

from __future__ import annotations

import pytest

from argon.protocol.framing import Framing
from argon.protocol.messages import Message
from argon.settings import MAX_PAYLOAD_BYTES
from benchmarks.micro.messages import Measure, completed, frames, in_batches, submits

LARGE_BYTES = 1 << 20
READ_BYTES = 256 << 10


@in_batches
@pytest.mark.parametrize("what", ["submit", "outcome"])
def test_framing_feed(benchmark: Measure, what: str, batch: int) -> None:
    data = frames(submits(batch) if what == "submit" else completed((id_, 1) for id_ in range(batch)))
    framing = Framing(MAX_PAYLOAD_BYTES)
    messages = benchmark(lambda: framing.feed(data))
    assert isinstance(messages, list)
    assert len(messages) == batch
    assert not framing.unfinished()


def test_framing_feed_of_a_large_payload(benchmark: Measure) -> None:
    (outcome,) = completed([(1, 1)])
    outcome.payload = bytes(LARGE_BYTES)
    data = frames([outcome])
    reads = [data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)]
    framing = Framing(MAX_PAYLOAD_BYTES)

    def feed() -> list[Message]:
        return [message for read in reads for message in framing.feed(read)]

    messages = benchmark(feed)
    assert isinstance(messages, list)
    assert len(messages) == 1
    assert not framing.unfinished()
