"""A worker: one process that runs one task at a time.

In: packets of tasks, on a socket, and the tasks' ids, on a pipe from which its node can read as well. Out: frames on
the same socket, cut into packets anywhere. It must never start a task whose id it has not read, and never let a task's
end, whatever it is, pass unanswered.

Outcomes of short tasks are collected in the outbox and sent together, within a third of a millisecond of the first
one's start or when there is nothing to do; should the next task take long or crash the process, the node finds
them there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from math import inf
from os import getpid, read
from time import monotonic, perf_counter
from typing import Final

from argon.call.chunk import Surroundings, prepare
from argon.call.failure import pack_failure
from argon.call.invoke import invoke
from argon.call.payload import pack_result, unpack_call
from argon.call.time_left import set_deadline
from argon.ipc.inbox import CLAIM, PACKET_BYTES, cut
from argon.ipc.outbox import Outbox
from argon.protocol.codec import HEADER_BYTES, decode_in_worker, encode, encode_from_worker
from argon.protocol.ids import LocalTaskId
from argon.protocol.messages import Entered, Heartbeat, Payload, Status, payload_bytes
from argon.worker.awaiter import Awaiter

FLUSH_AFTER_S: Final = 0.0003
FLUSH_BYTES: Final = 64 << 10

_read_claim: Final[Callable[[bytes], tuple[int]]] = CLAIM.unpack
_CLAIM_BYTES: Final = CLAIM.size


class Worker:
    """Takes tasks, runs them, answers them, until the inbox ends.

    Args:
        inbox: the worker's end of the socket pair.
        claims: a reading end of the pipe of ids that waits.
        unclaimed: one that does not, read while there is more of a packet in hand.
        outbox: the page that the node can read as well.
        node: its name, for failures.
        max_payload_bytes: most bytes of a result; a task may come with a lower limit.
    """

    def __init__(
        self, inbox: socket.socket, claims: int, unclaimed: int, outbox: Outbox, node: str, max_payload_bytes: int
    ) -> None:
        self._inbox = inbox
        self._claims = claims
        self._unclaimed = unclaimed
        self._outbox = outbox
        self._node = node
        self._max_payload_bytes = max_payload_bytes
        self._pid = getpid()
        self._first_started = 0.0
        self._wait_for = Awaiter().wait_for
        prepare(Surroundings(self._wait_for, node, max_payload_bytes))

    def serve(self) -> None:
        """Runs until the inbox ends. Raises OSError when a task has broken the channel.

        It claims each task by reading its id; what the node has read first it has taken back (``ipc/inbox.py``).
        """
        self._send(encode(Heartbeat())[0])
        packet = memoryview(bytearray(PACKET_BYTES))
        position = size = 0
        while True:
            if position < size:
                try:
                    claim = read(self._unclaimed, _CLAIM_BYTES)
                except BlockingIOError:
                    position = size  # the node has taken back what is left of the packet
                    continue
            else:
                self._flush()
                claim = read(self._claims, _CLAIM_BYTES)
            if not claim:
                break
            (claimed,) = _read_claim(claim)
            local_task_id = length = max_bytes = start = -1
            timeout_s = 0.0
            while local_task_id != claimed:
                if position >= size:
                    position, size = 0, self._inbox.recv_into(packet)
                    if not size:
                        raise ConnectionError("the inbox has ended before a task that was claimed")
                length, local_task_id, timeout_s, max_bytes = decode_in_worker(packet, position)
                start = position + HEADER_BYTES
                position = start + length
            payload = packet[start:position].tobytes() if position <= size else self._receive_large(length)
            if timeout_s:
                set_deadline(monotonic() + timeout_s)
                self._serve_one(local_task_id, max_bytes, payload)
                set_deadline(inf)
            else:
                self._serve_one(local_task_id, max_bytes, payload)
        self._flush()

    def _serve_one(self, local_task_id: LocalTaskId, max_bytes: int, payload: bytes | bytearray) -> None:
        started = perf_counter()
        if not 0 < max_bytes <= self._max_payload_bytes:
            max_bytes = self._max_payload_bytes
        status, entered, answer = self._run(local_task_id, max_bytes, payload)
        ended = perf_counter()
        if getpid() != self._pid:  # a child that the task forked, and that has come back in its place
            os._exit(0)
        size = len(answer) if type(answer) is bytes else payload_bytes(answer)
        header = encode_from_worker(local_task_id, status, entered, ended - started, size)
        self._answer(header, answer, started, ended)

    def _receive_large(self, length: int) -> bytearray:
        """Receives the pieces of a large payload into one block, which its arrays then use in place."""
        payload = bytearray(length)
        position = 0
        with memoryview(payload) as view:
            while position < length:
                size = self._inbox.recv_into(view[position:])
                if not size:
                    raise ConnectionError("the inbox has ended in the middle of a task")
                position += size
        return payload

    # ---- running -----------------------------------------------------------------------------------------------

    def _run(self, local_task_id: LocalTaskId, max_bytes: int, payload: bytes | bytearray) -> tuple[int, int, Payload]:
        """Runs one task to its end. Whatever it raises becomes its answer, SystemExit and the like too."""
        try:
            function, args, kwargs = unpack_call(payload)
        except BaseException as error:  # noqa: BLE001 - see above
            return Status.FAILED, Entered.NO, pack_failure(error, self._node, max_bytes, by_argon=True)
        self._outbox.enter(local_task_id)
        try:
            value = invoke(function, args, kwargs, self._wait_for)
        except BaseException as error:  # noqa: BLE001 - see above
            return Status.FAILED, Entered.YES, pack_failure(error, self._node, max_bytes)
        try:
            return Status.COMPLETED, Entered.YES, pack_result(value, max_bytes)
        except BaseException as error:  # noqa: BLE001 - see above
            return Status.FAILED, Entered.YES, pack_failure(error, self._node, max_bytes, by_argon=True)

    # ---- answering ---------------------------------------------------------------------------------------------

    def _answer(self, header: bytes, payload: Payload, started: float, ended: float) -> None:
        outbox = self._outbox
        if type(payload) is bytes and len(payload) < FLUSH_BYTES:
            if not outbox.pending_bytes:
                self._first_started = started
            if outbox.append(header + payload):
                if ended - self._first_started >= FLUSH_AFTER_S or outbox.pending_bytes >= FLUSH_BYTES:
                    self._flush()
                return
        self._flush()
        self._send(header)
        for segment in (payload,) if isinstance(payload, bytes) else payload:
            self._send(segment)

    def _flush(self) -> None:
        if self._outbox.pending_bytes:
            self._send(self._outbox.take())
            self._outbox.clear()

    def _send(self, data: bytes | memoryview) -> None:
        for piece in cut(data):
            self._inbox.send(piece)
