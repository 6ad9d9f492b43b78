"""Runs of frames: what is made as a whole reads as if each frame had been made by itself."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.codec import ASSIGN, OUTCOME
from argon.protocol.framing import Framing
from argon.protocol.messages import Assign, Entered, Heartbeat, Message, Outcome, Reject, Status, Submit
from benchmarks.frames import Answers, Shape, Submits, are_completed, are_rejected, decoded, encoded

MAX_PAYLOAD_BYTES = 1 << 20


def read(run: bytes) -> list[Message]:
    return list(Framing(MAX_PAYLOAD_BYTES).feed(run))


def assign(number: int, attempt: int = 1, payload: bytes = b"task") -> bytes:
    return encoded(Assign(number, attempt, 2, 0.0, 7, payload))


def rejected(number: int, reason: RejectReason) -> bytes:
    return encoded(Reject(number, reason, 0.5))


def test_submits_when_numbered_never_use_a_number_twice() -> None:
    submits = Submits(300, b"payload")
    tasks = [task for _ in range(300) for task in read(submits.numbered())]
    assert all(isinstance(task, Submit) and task.payload == b"payload" for task in tasks)
    assert len({task.id for task in tasks if isinstance(task, Submit)}) == 90_000


def test_submits_when_not_numbered_have_numbers_that_numbered_ones_never_have() -> None:
    submits = Submits(3, b"")
    plain, numbered = read(submits.frames), read(submits.numbered())
    assert not {repr(task) for task in plain} & {repr(task) for task in numbered}


def test_answers_carry_the_number_and_the_attempt_of_each_task() -> None:
    tasks = [(1, 1), (2**40 + 7, 3), (256, 1000)]
    run = b"".join(assign(number, attempt) for number, attempt in tasks)
    outcomes = read(Answers(4, b"result", 0.25).to(run))
    assert [(m.id, m.attempt) for m in outcomes if isinstance(m, Outcome)] == tasks
    assert all(isinstance(m, Outcome) and (m.payload, m.run_s) == (b"result", 0.25) for m in outcomes)


def test_shape_fits_nothing_but_whole_frames_of_its_type_and_size() -> None:
    shape = Shape(ASSIGN, 4)
    run = assign(1) + assign(2)
    assert shape.fits(run)
    assert shape.count(run) == 2
    assert shape.fits(b"")
    assert not shape.fits(run[:-1])
    assert not shape.fits(assign(1) + assign(2, payload=b"other size"))
    assert shape.may_begin(assign(3)[:2])
    assert shape.may_begin(assign(3)[:-1])
    assert not shape.may_begin(rejected(1, RejectReason.QUEUE_FULL))
    assert not shape.fits(assign(1) + rejected(2, RejectReason.QUEUE_FULL) + b"four")


def test_completed_are_only_those_that_were_run() -> None:
    shape = Shape(OUTCOME, 2)
    done = encoded(Outcome(1, Status.COMPLETED, Entered.YES, payload=b"ok"))
    failed = encoded(Outcome(2, Status.FAILED, Entered.YES, payload=b"no"))
    assert are_completed(done + done, shape)
    assert not are_completed(done + failed, shape)


def test_rejected_are_only_those_with_the_reason() -> None:
    shape = Shape(OUTCOME, 0)
    full, limit = rejected(1, RejectReason.QUEUE_FULL), rejected(2, RejectReason.CLIENT_LIMIT)
    assert are_rejected(full + limit, shape)
    assert are_rejected(full + full, shape, RejectReason.QUEUE_FULL)
    assert not are_rejected(full + limit, shape, RejectReason.QUEUE_FULL)
    assert not are_rejected(full + encoded(Outcome(3, Status.COMPLETED, Entered.YES)), shape)


@pytest.mark.parametrize("message", [Heartbeat(3), Outcome(1, 0, 1, payload=b"result")])
def test_message_when_encoded_is_decoded_again(message: Message) -> None:
    assert repr(decoded(encoded(message))) == repr(message)
