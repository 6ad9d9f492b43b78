"""Runs of frames that are all of one size: encoded once, counted, checked and given other numbers as a whole.

In: messages and payloads. Out: bytes for a connection, and what the bytes that came from one say. It must never look at
a frame by itself where a run can be handled at once: byte 8 of each frame of a run is ``run[8::size]``.
"""

from __future__ import annotations

import struct

from argon.errors import RejectReason
from argon.protocol.codec import ASSIGN, HEADER_BYTES, encode
from argon.protocol.framing import Framing
from argon.protocol.messages import Entered, Message, Outcome, Status, Submit
from argon.settings import Priority

_CODE_AT, _ATTEMPT_AT, _NUMBER_AT, _REASON_AT = 5, 6, 8, 28  # bytes of the header
_BLOCK_MAX = 1 << 16  # the lower two bytes of a task's number are its place in its block


def encoded(message: Message) -> bytes:
    """A message as it travels."""
    header, payload = encode(message)
    return header + (payload if isinstance(payload, bytes) else b"".join(payload))


def decoded(frame: bytes) -> Message:
    """What one whole frame says."""
    (message,) = Framing(len(frame)).feed(frame)
    return message


class Shape:
    """Frames of one type whose payloads have one size. ``size`` is that of the whole frame in bytes."""

    def __init__(self, type_: int, payload_bytes: int) -> None:
        self.type = type_
        self.size = HEADER_BYTES + payload_bytes
        self._head = struct.pack("<IB", payload_bytes, type_)

    def count(self, run: bytes) -> int:
        """How many frames a run has."""
        return len(run) // self.size

    def may_begin(self, part: bytes) -> bool:
        """Whether less than a frame can become one."""
        return self._head.startswith(part[: len(self._head)])

    def fits(self, run: bytes) -> bool:
        """Whether these bytes are such frames and nothing else."""
        count, size = len(run) // self.size, self.size
        return len(run) == count * size and all(
            run[at::size].count(self._head[at]) == count for at in range(len(self._head))
        )


class Submits:
    """Tasks to offer, encoded once, all with the same payload.

    Args:
        count: how many are offered at a time.
    """

    def __init__(self, count: int, payload: bytes) -> None:
        assert 0 < count <= _BLOCK_MAX, count
        tasks = [Submit(place, Priority.NORMAL, False, 0.0, 7, 0, payload) for place in range(count)]
        self.count = count
        self.frames = b"".join(map(encoded, tasks))
        self._size = HEADER_BYTES + len(payload)
        self._blocks = 0

    def numbered(self) -> bytes:
        """The tasks under numbers that they never had before."""
        self._blocks += 1
        block = bytearray(self.frames)
        for place, digit in enumerate(self._blocks.to_bytes(6, "little")):
            block[_NUMBER_AT + 2 + place :: self._size] = bytes([digit]) * self.count
        return bytes(block)


class Answers:
    """What a node says that is done with every task at once.

    Args:
        assigned_bytes: the payload's size in what comes.
        run_s: how long each task shall have taken.
    """

    def __init__(self, assigned_bytes: int, payload: bytes, run_s: float) -> None:
        self.assigns = Shape(ASSIGN, assigned_bytes)
        self._one = encoded(Outcome(0, Status.COMPLETED, Entered.YES, run_s=run_s, payload=payload))

    def to(self, assigns: bytes) -> bytes:
        """The outcomes of a run of tasks."""
        size, assigned_size = len(self._one), self.assigns.size
        answers = bytearray(self._one * self.assigns.count(assigns))
        for at in range(_ATTEMPT_AT, _NUMBER_AT + 8):  # the number stands right behind the attempt
            answers[at::size] = assigns[at::assigned_size]
        return bytes(answers)


def are_completed(outcomes: bytes, shape: Shape) -> bool:
    """Whether a run of outcomes says of every task that it was run."""
    code = Status.COMPLETED | Entered.YES << 4
    return outcomes[_CODE_AT :: shape.size].count(code) == shape.count(outcomes)


def are_rejected(outcomes: bytes, shape: Shape, reason: RejectReason | None = None) -> bool:
    """Whether a run of outcomes says of every task that it was rejected, for this reason or for any."""
    count = shape.count(outcomes)
    if outcomes[_CODE_AT :: shape.size].count(Status.REJECTED | Entered.NO << 4) != count:
        return False
    number = 0 if reason is None else list(RejectReason).index(reason)
    return reason is None or outcomes[_REASON_AT :: shape.size].count(number) == count
