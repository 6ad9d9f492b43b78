"""Large messages on their way out: they leave in order, cut, so that small ones pass between the pieces.

In: encoded messages. Out: bytes to write, a little at a time. It must never copy a payload, and never let a message
pass another that it is about, or one pass that must come last.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from argon.protocol.codec import fragment_header, fragmented
from argon.protocol.messages import (
    Assign,
    Cancel,
    Heartbeat,
    Message,
    Outcome,
    Payload,
    StillRunning,
    Submit,
    payload_bytes,
)

FRAGMENT_BYTES: Final = 1 << 20
Pieces: TypeAlias = list[bytes | memoryview]


class Fragments:
    """What waits on one connection, in one direction, for its turn.

    Args:
        fragment_bytes: how much of a message leaves at a time. What is at most twice as large leaves whole.

    Attributes:
        size_bytes: how much waits.
    """

    __slots__ = ("_chunks", "_fragment_bytes", "_missing", "_waiting", "size_bytes")

    def __init__(self, fragment_bytes: int = FRAGMENT_BYTES) -> None:
        self._fragment_bytes = fragment_bytes
        self._waiting: deque[tuple[Message, bytes, Payload]] = deque()
        self._chunks: Pieces = []  # what is left of the message under way, the last first
        self._missing = 0
        self.size_bytes = 0

    def passes(self, message: Message) -> bool:
        """Whether a message may leave before those that wait here.

        Outcomes, assignments and heartbeats may; a client's task may not pass one of its own priority, nor a cancel its
        own task; of all others the place has a meaning.
        """
        if isinstance(message, Submit):
            return all(not isinstance(w, Submit) or w.priority != message.priority for w, _, _ in self._waiting)
        if isinstance(message, Cancel):
            return all(getattr(waiting, "id", None) != message.id for waiting, _, _ in self._waiting)
        return isinstance(message, Heartbeat | Assign | Outcome | StillRunning)

    def put(self, message: Message, header: bytes, payload: Payload) -> None:
        """Adds a message, as ``encode`` has made it."""
        self._waiting.append((message, header, payload))
        self.size_bytes += len(header) + payload_bytes(payload)

    def messages(self) -> list[Message]:
        """Those that have not left, or not completely."""
        return [message for message, _, _ in self._waiting]

    def take(self) -> Pieces:
        """What leaves next; nothing when nothing is left."""
        if self._missing:
            return self._next_fragment()
        if not self._waiting:
            return []
        _, header, payload = self._waiting[0]
        size = payload_bytes(payload)
        self.size_bytes -= len(header)
        chunks: Pieces = [payload] if isinstance(payload, bytes) else list(payload)
        if size <= 2 * self._fragment_bytes:
            self._waiting.popleft()
            self.size_bytes -= size
            return [header, *chunks]
        self._chunks = chunks[::-1]
        self._missing = size
        return [fragmented(header), *self._next_fragment()]

    def _next_fragment(self) -> Pieces:
        size = room = min(self._fragment_bytes, self._missing)
        pieces: Pieces = [fragment_header(size)]
        while room:
            chunk = self._chunks.pop()
            if len(chunk) > room:
                view = memoryview(chunk)
                self._chunks.append(view[room:])
                chunk = view[:room]
            pieces.append(chunk)
            room -= len(chunk)
        self._missing -= size
        self.size_bytes -= size
        if not self._missing:
            self._waiting.popleft()
            self._chunks = []
        return pieces
