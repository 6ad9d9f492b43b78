"""One message to its header and back.

In: a message, or a header's fields and a body. Out: header bytes, or a message. It must never look inside a payload,
and never raise anything but ProtocolViolation for bytes from outside.

Every frame is a header of 32 bytes and a body of ``length`` bytes. Tasks and outcomes keep all their fields in the
header, so that one ``struct`` call reads them and the body is the opaque payload. The rare control messages have a
msgpack body. The header of a large one may come alone, marked as fragmented; its body follows in fragments, with other
frames between them.

    offset  0       4     5     6        8   16  20  24  28
            length  type  code  attempt  id  a   b   c   d        (u32 u8 u8 u16 u64 f32 f32 u32 u32, little endian)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import inf
from typing import Any, Final, TypeAlias

import msgspec

from argon.errors import RejectReason, caused_by
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.ids import ClientTaskId, LocalTaskId
from argon.protocol.messages import (
    Assign,
    Cancel,
    Capacity,
    Drain,
    ExplainReply,
    ExplainRequest,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Payload,
    Register,
    Reject,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
    payload_bytes,
)

HEADER: Final = struct.Struct("<IBBHQffII")
HEADER_BYTES: Final = 32
HeaderFields: TypeAlias = tuple[int, int, int, int, int, float, float, int, int]
# With its type, so that what is compiled takes the fields as numbers, not as objects.
read_header: Final[Callable[[bytes | memoryview, int], HeaderFields]] = HEADER.unpack_from

SUBMIT: Final = 1
ASSIGN: Final = 2
OUTCOME: Final = 3
CANCEL: Final = 4
STILL_RUNNING: Final = 5
FRAGMENT: Final = 0x40
FRAGMENTED: Final = 0x80
_CONTROL_TYPES: dict[int, type[Any]] = {
    16: Welcome,
    17: Register,
    18: Capacity,
    19: Heartbeat,
    20: Drain,
    21: Goodbye,
    22: StatusRequest,
    23: StatusReply,
    24: ExplainRequest,
    25: ExplainReply,
}
_CONTROL_NUMBERS: Final = {cls: number for number, cls in _CONTROL_TYPES.items()}

_REASONS: Final = tuple(RejectReason)
_REASON_NUMBERS: Final = {reason: number for number, reason in enumerate(_REASONS)}
_TYPE_AT: Final = 4
_IDEMPOTENT: Final = 0x80
_pack: Final = HEADER.pack


class ProtocolViolation(Exception):
    """The peer sent bytes that mean nothing here. ``reason`` says which; the connection must be closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode(message: Message) -> tuple[bytes, Payload]:
    """Encodes a message.

    Returns:
        The header (with the body of a control message already behind it), and the payload that must follow it.
    """
    if type(message) is Outcome:
        return _encode_outcome(message)
    if type(message) is Assign:
        return _encode_assign(message)
    if type(message) is Submit:
        return _encode_submit(message)
    if type(message) is Reject:
        return _encode_reject(message)
    if type(message) is Cancel:
        return _pack(0, CANCEL, message.queued_only, 0, message.id, 0.0, 0.0, 0, 0), b""
    if type(message) is StillRunning:
        return _pack(0, STILL_RUNNING, 0, 0, message.id, 0.0, 0.0, 0, 0), b""
    body = msgspec.msgpack.encode(message)
    return _pack(len(body), _CONTROL_NUMBERS[type(message)], 0, 0, 0, 0.0, 0.0, 0, 0) + body, b""


def submits_in(frames: bytes) -> list[ClientTaskId]:
    """The tasks in what was encoded and not sent."""
    found: list[ClientTaskId] = []
    place = 0
    while place < len(frames):
        size_bytes, type_, _, _, id_, _, _, _, _ = read_header(frames, place)
        if type_ & ~FRAGMENTED == SUBMIT:
            found.append(id_)
        place += HEADER_BYTES + size_bytes
    return found


def fragmented(header: bytes) -> bytes:
    """The header of a frame whose body follows in fragments."""
    return header[:_TYPE_AT] + bytes([header[_TYPE_AT] | FRAGMENTED]) + header[_TYPE_AT + 1 :]


def fragment_header(size_bytes: int) -> bytes:
    """What precedes the next piece of a fragmented body."""
    return _pack(size_bytes, FRAGMENT, 0, 0, 0, 0.0, 0.0, 0, 0)


def encode_to_worker(local_task_id: LocalTaskId, timeout_s: float, size_bytes: int, max_result_bytes: int) -> bytes:
    """The header of an Assign from a node to its worker, which needs no more than this.

    ``timeout_s`` is what remains, 0 for none; the result may take ``max_result_bytes``.
    """
    return _pack(size_bytes, ASSIGN, 0, 0, local_task_id, timeout_s, 0.0, 0, max_result_bytes)


def decode_in_worker(packet: memoryview, position: int) -> tuple[int, LocalTaskId, float, int]:
    """Reads what ``encode_to_worker`` made; returns the payload's size, the task, its time, and its result's limit."""
    size_bytes, _, _, _, local_task_id, timeout_s, _, _, max_result_bytes = read_header(packet, position)
    return size_bytes, local_task_id, timeout_s, max_result_bytes


def encode_from_worker(local_task_id: LocalTaskId, status: int, entered: int, run_s: float, size_bytes: int) -> bytes:
    """The header of an Outcome from a worker to its node, made from its fields: an Outcome would take longer."""
    return _pack(size_bytes, OUTCOME, status | entered << 4, 0, local_task_id, run_s, 0.0, 0, FailureKind.RAISED)


def encode_diagnosis(diagnosis: Diagnosis) -> bytes:
    """Encodes what the cluster or a node knows about an outcome."""
    return msgspec.msgpack.encode(diagnosis)


def decode_diagnosis(payload: Payload) -> Diagnosis:
    """Decodes what ``encode_diagnosis`` made; raises ProtocolViolation for anything else."""
    diagnosis: Diagnosis = _read(payload, Diagnosis)
    return diagnosis


def _encode_submit(m: Submit) -> tuple[bytes, Payload]:
    payload = m.payload
    size = len(payload) if type(payload) is bytes else payload_bytes(payload)
    code = m.priority | _IDEMPOTENT if m.idempotent else m.priority
    return _pack(size, SUBMIT, code, 0, m.id, m.timeout_s, m.waited_s, m.kind, m.key), payload


def _encode_assign(m: Assign) -> tuple[bytes, Payload]:
    payload = m.payload
    size = len(payload) if type(payload) is bytes else payload_bytes(payload)
    return _pack(size, ASSIGN, m.priority, m.attempt, m.id, m.timeout_s, 0.0, m.kind, 0), payload


def _encode_outcome(m: Outcome) -> tuple[bytes, Payload]:
    payload = m.payload
    size = len(payload) if type(payload) is bytes else payload_bytes(payload)
    code = m.status | m.entered << 4
    return _pack(size, OUTCOME, code, m.attempt, m.id, m.run_s, m.queued_s, m.credits, m.failure_kind), payload


def _encode_reject(m: Reject) -> tuple[bytes, Payload]:
    reason = _REASON_NUMBERS[m.reason]
    return _pack(0, OUTCOME, Status.REJECTED, 0, m.id, 0.0, m.retry_after_s, m.credits, reason), b""


def decode(type_: int, code: int, attempt: int, id_: int, a: float, b: float, c: int, d: int, body: Payload) -> Message:
    """Decodes one frame from its header's fields and its body.

    Raises:
        ProtocolViolation: the type is unknown, a number is out of its range, or a control body cannot be read.
    """
    if type_ == OUTCOME:
        if code & 15 > 5 or code >> 4 > 2 or not (0.0 <= a < inf and 0.0 <= b < inf):
            raise ProtocolViolation("an outcome with a status, a flag or a time out of range")
        if code & 15 == Status.REJECTED:
            return _decode_reject(id_, b, c, d)
        return Outcome(id_, code & 15, code >> 4, attempt, a, b, c, d, body)
    if type_ == SUBMIT:
        if code & 0x7F > 4:
            raise ProtocolViolation(f"priority {code & 0x7F}: want 0 (MAX) to 4 (MIN)")
        if not 0.0 <= a < 1e9:
            raise ProtocolViolation(f"timeout {a}: want seconds, 0 for none, finite and not negative")
        if not 0.0 <= b < 1e9:
            raise ProtocolViolation(f"a wait of {b}: want seconds, finite and not negative")
        return Submit(id_, code & 0x7F, code > 0x7F, a, c, d, body, b)
    if type_ == ASSIGN:
        if code > 4 or not 0.0 <= a < 1e9:
            raise ProtocolViolation("an assignment with a priority or a timeout out of range")
        return Assign(id_, attempt, code, a, c, body)
    if type_ == CANCEL:
        return Cancel(id_, code == 1)
    return StillRunning(id_) if type_ == STILL_RUNNING else _decode_control(type_, body)


def _decode_reject(id_: int, retry_after_s: float, credits: int, reason: int) -> Reject:
    """A reason of a newer cluster, which is not known here, is taken for a full queue."""
    known = _REASONS[reason] if reason < len(_REASONS) else RejectReason.QUEUE_FULL
    return Reject(id_, known, retry_after_s, credits)


def _decode_control(type_: int, body: Payload) -> Message:
    control = _CONTROL_TYPES.get(type_)
    if control is None:
        raise ProtocolViolation(f"frame type {type_} is unknown; the other side may be newer")
    message: Message = _read(body, control)
    return message


def _read(body: Payload, cls: type[Any]) -> Any:
    """Reads a msgpack body; one that is large comes in chunks."""
    try:
        return msgspec.msgpack.decode(body if isinstance(body, bytes) else b"".join(body), type=cls)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise caused_by(None, ProtocolViolation(f"{cls.__name__} cannot be read: {error}"))
