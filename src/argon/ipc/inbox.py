"""The node's end of a worker's inbox: tasks go in, and come back out if the worker has not started them.

In: tasks. Out: packets of whole frames on a socket pair, and the tasks' ids on a pipe, from which both the worker and
the node read. Whoever reads an id owns the task, and the kernel decides: the worker reads one just before it starts a
task, the node reads all that are left when it takes tasks back. So what came back has provably not started, although
its frame may be in the worker's memory, where it is passed over. It must never block, and never look into a payload.

Many short tasks travel in one packet, so that a worker is woken once for all of them. A task that is too large for a
packet is one with its header alone, and packets with the pieces of its payload behind it; it goes only to a worker that
has answered everything, and nothing follows until it is answered.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from socket import MSG_DONTWAIT, socket
from struct import Struct
from typing import Final

from argon.protocol.ids import LocalTaskId
from argon.protocol.messages import Payload, payload_bytes

PACKET_BYTES: Final = 128 << 10
UNANSWERED_MAX: Final = 512  # the smallest pipe that Linux makes takes as many ids, so writing them never waits
CLAIM: Final = Struct("=Q")  # a task's id, as it is read and written on the pipe


def create_claims() -> tuple[int, int, int]:
    """Makes the pipe of ids: returns a reading end that waits, one that does not, and the writing end.

    The first is the worker's, the others are the node's; none of them shares its flags with another.
    """
    waiting, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        return waiting, open_unclaimed(waiting), writing
    except OSError:
        os.close(waiting)
        os.close(writing)
        raise


def open_unclaimed(waiting: int) -> int:
    """Opens the pipe of ids once more, for reading without waiting."""
    return os.open(f"/proc/self/fd/{waiting}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


class Inbox:
    """The tasks on their way to one worker.

    Args:
        node_end: the node's end of the socket pair, not blocking.
        worker_end: the worker's end, which the node holds as well.
        unclaimed: a reading end of the pipe of ids that does not wait.
        claims: its writing end, which does not wait either.
    """

    __slots__ = (
        "_alone",
        "_claims",
        "_node_end",
        "_packet",
        "_pieces",
        "_unanswered",
        "_unclaimed",
        "_waiting",
        "_worker_end",
    )

    def __init__(self, node_end: socket, worker_end: socket, unclaimed: int, claims: int) -> None:
        self._node_end = node_end
        self._worker_end = worker_end
        self._unclaimed = unclaimed
        self._claims: int | None = claims
        self._waiting: deque[tuple[LocalTaskId, bytes, Payload, bool]] = deque()
        self._unanswered: set[LocalTaskId] = set()
        self._packet: tuple[bytes, list[LocalTaskId]] | None = None
        self._pieces: deque[bytes | memoryview] = deque()
        self._alone: LocalTaskId | None = None

    def put(self, local_task_id: LocalTaskId, header: bytes, payload: Payload, own_packet: bool) -> None:
        """Adds a task, which ``send`` sends.

        Args:
            local_task_id: its number on this node.
            header, payload: its frame.
            own_packet: in a packet of its own. A worker sends what it has finished at the end of each packet, and may
                be silent for as long as the next task runs.
        """
        self._waiting.append((local_task_id, header, payload, own_packet))

    def empty(self) -> bool:
        """Whether everything is sent."""
        return not self._waiting and not self._pieces and self._packet is None

    def idle(self) -> bool:
        """Whether the worker has nothing to do, and nothing is on its way to it."""
        return self.empty() and not self._unanswered

    def send(self) -> bool:
        """Sends what it can; returns whether it must be called again when the socket has room.

        Raises:
            OSError: the worker's task has broken the channel.
        """
        while True:
            if self._packet is not None:
                packet, ids = self._packet
                if not self._send(packet):
                    return True
                assert self._claims is not None
                os.write(self._claims, array("Q", ids).tobytes())
                self._packet = None
                self._unanswered.update(ids)
            while self._pieces:
                if not self._send(self._pieces[0]):
                    return True
                self._pieces.popleft()
            if not self._waiting or self._alone is not None:
                return False
            if not self._fill_packet():
                return False

    def answered(self, local_task_id: LocalTaskId) -> None:
        """Notes that the worker has answered this task. Call ``send`` after the last one."""
        self._unanswered.discard(local_task_id)
        if local_task_id == self._alone:
            self._alone = None

    def take_back(self) -> list[LocalTaskId]:
        """Takes back what the worker has not started; returns the ids. It works as well when the worker is dead."""
        ids: list[LocalTaskId] = []
        try:
            while claims := os.read(self._unclaimed, UNANSWERED_MAX * CLAIM.size):
                ids += [id_ for (id_,) in CLAIM.iter_unpack(claims)]
        except BlockingIOError:
            pass  # there are no more
        if self._alone in ids:
            self._pieces.clear()
            self._drop_packets()
            self._alone = None
        if self._packet is not None:
            ids += self._packet[1]
            self._alone = None
            self._pieces.clear()
            self._packet = None
        ids += [waiting[0] for waiting in self._waiting]
        self._waiting.clear()
        self._unanswered.difference_update(ids)
        return ids

    def end(self) -> None:
        """Lets the worker find the end of its inbox behind what was sent."""
        if self._claims is not None:
            os.close(self._claims)
            self._claims = None

    def close(self) -> None:
        """Lets go of the descriptors."""
        self.end()
        os.close(self._unclaimed)
        self._node_end.close()
        self._worker_end.close()

    def _fill_packet(self) -> bool:
        """Makes the next packet of what waits; returns False when that must wait for answers."""
        frames: list[bytes | memoryview] = []
        ids: list[LocalTaskId] = []
        room_bytes = PACKET_BYTES
        count_max = UNANSWERED_MAX - len(self._unanswered)
        while self._waiting and len(ids) < count_max:
            local_task_id, header, payload, own_packet = self._waiting[0]
            if own_packet and ids:
                break
            size_bytes = len(header) + payload_bytes(payload)
            if size_bytes > PACKET_BYTES and not ids:
                if self._unanswered:
                    return False
                self._alone = local_task_id
                chunks = (payload,) if isinstance(payload, bytes) else payload
                self._pieces.extend(piece for chunk in chunks for piece in cut(chunk))
                frames, room_bytes = [header], 0
            elif size_bytes > room_bytes:
                break
            else:
                frames.append(header)
                if isinstance(payload, bytes):
                    frames.append(payload)
                else:
                    frames.extend(payload)
                room_bytes -= size_bytes
            ids.append(local_task_id)
            self._waiting.popleft()
            if own_packet:
                break
        if not ids:
            return False
        self._packet = b"".join(frames), ids
        return True

    def _send(self, packet: bytes | memoryview) -> bool:
        try:
            self._node_end.send(packet)
        except BlockingIOError:
            # With a task in hand the worker may yet read what is there. Without one it waits for an id, and what fills
            # the socket was taken back: nobody else would remove it.
            return not self._unanswered and self._drop_packets() and self._send(packet)
        return True

    def _drop_packets(self) -> bool:
        """Removes what is in the socket, all taken back; returns whether there was anything.

        The worker must have answered all that it has claimed, so that it cannot be reading.
        """
        dropped = False
        try:
            while self._worker_end.recv(PACKET_BYTES, MSG_DONTWAIT):
                dropped = True
        except OSError:
            pass  # usually BlockingIOError: there are no more
        return dropped


def cut(chunk: bytes | memoryview) -> list[bytes | memoryview]:
    """Cuts bytes into pieces that fit a packet, without copying them."""
    if len(chunk) <= PACKET_BYTES:
        return [chunk] if chunk else []
    view = memoryview(chunk)
    return [view[start : start + PACKET_BYTES] for start in range(0, len(view), PACKET_BYTES)]
