"""The node's end of a worker's inbox: tasks go in, and come back out if the worker has not taken them.

In: tasks. Out: packets on a SOCK_SEQPACKET socket pair, whose other end the worker reads and the node holds too.
Whoever receives a packet owns the task in it, the worker or the node, and the kernel decides: a task that was taken
back has provably not begun, and no message about it can be on the way. It must never block, and never look into a
payload.

A task is one packet: header and payload. One that is too large for that is a packet with the header alone, and packets
with the pieces of the payload behind it; it goes only to a worker that has answered everything, and nothing follows
until it is answered, so that nobody can meet a piece without having the header.
"""

from __future__ import annotations

from collections import deque
from socket import MSG_DONTWAIT, SHUT_WR, socket

from argon.protocol.codec import HEADER, HEADER_BYTES, encode
from argon.protocol.messages import Assign, payload_bytes

PACKET_BYTES = 128 << 10


class Inbox:
    """What one worker is to do.

    Args:
        near: the node's end of the pair, not blocking.
        far: the worker's end, which the node holds as well.
    """

    __slots__ = ("_alone", "_far", "_near", "_pieces", "_unanswered", "_waiting")

    def __init__(self, near: socket, far: socket) -> None:
        self._near = near
        self._far = far
        self._waiting: deque[Assign] = deque()
        self._unanswered: set[int] = set()
        self._pieces: deque[bytes | memoryview] = deque()
        self._alone: int | None = None

    def put(self, assign: Assign) -> None:
        """Adds a task, which ``send`` sends."""
        self._waiting.append(assign)

    def empty(self) -> bool:
        """Whether everything is sent."""
        return not self._waiting and not self._pieces

    def send(self) -> bool:
        """Sends what it can; returns whether it must be called again when the socket has room.

        Raises:
            OSError: the worker's task has broken the channel.
        """
        while True:
            while self._pieces:
                if not self._send(self._pieces[0]):
                    return True
                self._pieces.popleft()
            if not self._waiting or self._alone is not None:
                return False
            assign = self._waiting[0]
            header, payload = encode(assign)
            size = HEADER_BYTES + payload_bytes(payload)
            if size > PACKET_BYTES:
                if self._unanswered:
                    return False
                self._alone = assign.id
                chunks = (payload,) if isinstance(payload, bytes) else payload
                self._pieces.append(header)
                self._pieces.extend(piece for chunk in chunks for piece in cut(chunk))
            elif not self._send(header + payload if isinstance(payload, bytes) else b"".join((header, *payload))):
                return True
            self._unanswered.add(assign.id)
            self._waiting.popleft()

    def answered(self, task: int) -> None:
        """The worker has answered this task. Call ``send`` after the last one."""
        self._unanswered.discard(task)
        if task == self._alone:
            self._alone = None

    def take_back(self) -> list[int]:
        """Takes back what the worker has not taken, and what was not sent yet; returns the ids."""
        return ([] if self._alone is not None else self._receive()) + self._take_waiting()

    def leave(self) -> list[int]:
        """The same when the worker is dead: now a large task of which it has not taken all comes back too."""
        if self._alone is None:
            return self.take_back()
        taken_whole = not self._pieces and not self._packets()
        return ([] if taken_whole else [self._alone]) + self._take_waiting()

    def end(self) -> None:
        """The worker finds the end of its inbox behind what was sent."""
        self._near.shutdown(SHUT_WR)

    def _send(self, packet: bytes | memoryview) -> bool:
        try:
            self._near.send(packet)
        except BlockingIOError:
            return False
        return True

    def _receive(self) -> list[int]:
        ids: list[int] = [HEADER.unpack_from(packet)[4] for packet in self._packets()]
        self._unanswered.difference_update(ids)
        return ids

    def _packets(self) -> list[bytes]:
        packets = []
        try:
            while packet := self._far.recv(PACKET_BYTES, MSG_DONTWAIT):
                packets.append(packet)
        except OSError:  # usually BlockingIOError: there are no more
            return packets
        return packets

    def _take_waiting(self) -> list[int]:
        ids = [assign.id for assign in self._waiting]
        self._waiting.clear()
        return ids


def cut(chunk: bytes | memoryview) -> list[bytes | memoryview]:
    """Cuts bytes into pieces that fit a packet, without copying them."""
    if len(chunk) <= PACKET_BYTES:
        return [chunk] if chunk else []
    view = memoryview(chunk)
    return [view[start : start + PACKET_BYTES] for start in range(0, len(view), PACKET_BYTES)]
