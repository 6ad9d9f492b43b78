"""The simulated network does to bytes what it says, and no more."""

from __future__ import annotations

from random import Random

import pytest

from argon.protocol.messages import Cancel, Message
from tests.simulation.agenda import Agenda
from tests.simulation.network import LATENCY_MAX_S, OUT_BUFFER_BYTES, SIP_EVERY_S, Stream

SAID: list[Message] = [Cancel(number) for number in range(20)]


class Wire:
    """A stream, and what has come out of it: pieces, and the messages in them."""

    def __init__(self, splits: bool = False) -> None:
        self.agenda = Agenda()
        self.pieces: list[bytes] = []
        self.messages: list[Message] = []
        self.moments: list[float] = []
        self.ended = False
        self.full: list[bool] = []
        self.stream = Stream(self.agenda, Random(1), 1000, self._arrive, splits, self.full.append)

    def _arrive(self, data: bytes | None) -> None:
        if data is None:
            self.ended = True
            return
        self.pieces.append(data)
        self.moments.append(self.agenda.now)
        for messages in self.stream.read(data):
            self.messages += messages

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.stream.say(message)
        self.stream.flush()

    def passes(self, seconds: float) -> None:
        self.agenda.run(self.agenda.now + seconds)


@pytest.mark.parametrize("splits", [False, True])
def test_what_is_said_comes_out_once_and_in_order(splits: bool) -> None:
    wire = Wire(splits)
    for message in SAID:
        wire.say(message)
    wire.stream.end()
    wire.passes(1.0)
    assert wire.messages == SAID
    assert wire.ended
    assert wire.stream.unread_bytes == 0


def test_scenario_of_splits_has_pieces_that_are_no_frames_and_single_bytes() -> None:
    wire = Wire(splits=True)
    for _ in range(10):
        wire.say(*SAID)
        wire.passes(1.0)
    assert len(wire.pieces) > 30
    assert min(map(len, wire.pieces)) == 1
    assert wire.messages == SAID * 10


def test_clogged_stream_stands_still_and_then_gives_everything_at_once() -> None:
    wire = Wire(splits=True)
    wire.stream.clog(2.0)
    for message in SAID:
        wire.say(message)
        wire.passes(0.05)
    assert not wire.pieces
    wire.passes(2.0)
    assert len(wire.pieces) == 1
    assert wire.messages == SAID


def test_stream_that_swallows_gives_nothing_not_even_its_end() -> None:
    wire = Wire()
    wire.say(SAID[0])
    wire.passes(1.0)
    wire.stream.swallows = True
    wire.say(SAID[1])
    wire.stream.end()
    wire.passes(100.0)
    assert wire.messages == SAID[:1]
    assert not wire.ended


def test_reset_leaves_a_part_of_a_frame_and_nothing_behind_it() -> None:
    wire = Wire()
    resets: list[float] = []
    wire.stream.break_off(lambda: resets.append(wire.agenda.now))
    wire.say(SAID[0])
    wire.say(SAID[1])
    wire.stream.end()
    wire.passes(1.0)
    assert wire.stream.framing.unfinished()
    assert not wire.messages
    assert not wire.ended
    assert len(resets) == 1
    assert resets[0] >= wire.moments[-1]


def test_slow_receiver_takes_few_bytes_at_a_time_until_it_takes_all() -> None:
    wire = Wire()
    wire.stream.take(4)
    wire.say(SAID[0])
    wire.passes(LATENCY_MAX_S + 3.5 * SIP_EVERY_S)
    assert max(map(len, wire.pieces)) == 4
    assert not wire.messages
    wire.stream.take(None)
    wire.passes(0.001)
    assert wire.messages == SAID[:1]


def test_stream_is_full_while_much_lies_unread() -> None:
    wire = Wire()
    wire.stream.take(0)
    while wire.stream.unread_bytes <= OUT_BUFFER_BYTES:
        assert not wire.full
        wire.say(SAID[0])
    wire.passes(1.0)
    assert wire.full == [True]
    wire.stream.take(None)
    wire.passes(1.0)
    assert wire.full == [True, False]
