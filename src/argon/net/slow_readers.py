"""Whose unsent bytes are too many: what waits to be sent to all peers together has a limit.

In: the channels, now and then. Out: those to cut off. It must never name one that takes its bytes at a good pace,
however many there are: what is sent to it leaves by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Flowing(Protocol):
    """A connection that knows what has left for its peer, and what waits."""

    def flow(self) -> tuple[int, int]: ...


C = TypeVar("C", bound=Flowing)


class SlowReaders:
    """Compares each look with the one before.

    Args:
        limit_bytes: what may wait for all peers together.
        patience_s: over the limit, a peer may need this long to take what waits for it.
    """

    def __init__(self, limit_bytes: int, patience_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._left_bytes: dict[Flowing, int] = {}
        self._looked_at = 0.0

    def too_slow(self, channels: Iterable[C], now: float) -> list[C]:
        """Those without whom the limit is kept, the slowest first, but nobody who has come since the last look."""
        before, elapsed_s = self._left_bytes, now - self._looked_at
        self._left_bytes, self._looked_at = {}, now
        total, slow = 0, []
        for channel in channels:
            left, waiting = channel.flow()
            self._left_bytes[channel] = left
            total += waiting
            if waiting and channel in before:
                taken = left - before[channel]
                takes_s = waiting * elapsed_s / taken if taken else float("inf")
                if takes_s > self._patience_s:
                    slow.append((takes_s, waiting, channel))
        slow.sort(key=lambda entry: entry[:2], reverse=True)
        cut = []
        for _, waiting, channel in slow:
            if total <= self._limit_bytes:
                break
            cut.append(channel)
            total -= waiting
        return cut
