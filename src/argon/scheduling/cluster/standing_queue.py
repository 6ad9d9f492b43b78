"""Whether the queue is standing: whether its oldest task has waited for too long, and not just for a moment.

In: how long the oldest task has waited when a task comes that must wait, how long it may, and the time. Out: whether
the queue is standing. It must never decide what to do about it.

A burst fills a queue and drains; that is what a queue is for. One that does not drain makes everybody wait and nothing
faster (CoDel, Nichols and Jacobson 2012).
"""

from __future__ import annotations

from math import inf
from typing import Final

INTERVAL_S: Final = 0.1


class StandingQueue:
    """Recognises a standing queue from how long its oldest task has waited, update by update."""

    def __init__(self) -> None:
        self._since = inf
        self._updated_at = -inf
        self._standing = False

    def update(self, oldest_s: float, target_s: float, now: float) -> bool:
        """Records how long the oldest task has waited; returns whether the queue is standing now.

        It is standing once the oldest task has been over the target at every update for an interval, which is no
        shorter than the target, until the oldest has waited for less than half the target.

        Args:
            oldest_s: how long the oldest task has waited.
            target_s: how long it may.
            now: the time.
        """
        interval_s = max(INTERVAL_S, target_s)
        if oldest_s <= (0.5 * target_s if self._standing else target_s):
            self._since, self._standing = inf, False
        elif self._since == inf or now - self._updated_at > interval_s:
            self._since, self._standing = now, False
        elif now - self._since >= interval_s:
            self._standing = True
        self._updated_at = now
        return self._standing
