"""Which peers read too slowly: what waits to be sent to all peers together has a limit.

In: the channels, now and then. Out: those to cut off. It must never name one that takes its bytes at a good pace,
however many there are: what is sent to it leaves by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from argon.net.channel import Channel


class SlowReaders:
    """Finds slow readers by comparing how much has left at one call with how much had left at the call before.

    Args:
        limit_bytes: what may wait for all peers together.
        patience_s: over the limit, a peer may need this long to take what waits for it.
    """

    def __init__(self, limit_bytes: int, patience_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._left_bytes: dict[Channel, int] = {}
        self._called_at = 0.0

    def too_slow(self, channels: Iterable[Channel], now: float) -> list[Channel]:
        """Records what has left, and returns those without whom the limit is kept, the slowest first.

        None of them has come since the call before.

        Args:
            channels: the connections of all peers.
            now: the time.
        """
        before, elapsed_s = self._left_bytes, now - self._called_at
        self._left_bytes, self._called_at = {}, now
        total, slow = 0, []
        for channel in channels:
            left, waiting = channel.flow()
            self._left_bytes[channel] = left
            total += waiting
            if waiting and channel in before:
                taken = left - before[channel]
                takes_s = waiting * elapsed_s / taken if taken else inf
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
