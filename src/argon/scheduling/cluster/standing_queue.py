"""Whether the queue stands: whether its oldest task has waited for longer than it should, and not just for a moment.

In: how long the oldest task has waited when a task comes that must wait, how long it may, and the time. Out: whether
the queue stands. It must never decide what to do about it.

A burst fills a queue and drains; that is what a queue is for. One that does not drain makes everybody wait and nothing
faster (CoDel, Nichols and Jacobson 2012).
"""

from __future__ import annotations

from math import inf
from typing import Final

INTERVAL_S: Final = 0.1


class Standing:
    """One queue's."""

    def __init__(self) -> None:
        self._since = inf
        self._looked_at = -inf
        self._stands = False

    def look(self, oldest_s: float, target_s: float, now: float) -> bool:
        """Whether the queue stands now.

        It begins when the oldest task has been over the target at every look for an interval, which is no shorter than
        the target, and ends when the oldest has waited for less than half the target.
        """
        interval_s = max(INTERVAL_S, target_s)
        if oldest_s <= (0.5 * target_s if self._stands else target_s):
            self._since, self._stands = inf, False
        elif self._since == inf or now - self._looked_at > interval_s:
            self._since, self._stands = now, False
        elif now - self._since >= interval_s:
            self._stands = True
        self._looked_at = now
        return self._stands
