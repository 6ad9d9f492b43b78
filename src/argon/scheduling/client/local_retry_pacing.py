"""When a caller whose task the client itself rejects should return, by how far apart the client's answers come.

In: that answers have come, and that a task is rejected for want of a credit or a connection. Out: seconds. It must
never see a task.

Each answer makes one place. Callers rejected before are ahead, so a hundred who are rejected at once shall return one
after the other, and not all for the same place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from argon.scheduling.load import Average

if TYPE_CHECKING:
    from random import Random

_AFTER_MIN_S: Final = 0.02
_AFTER_MAX_S: Final = 5.0
_GAP_MIN_S: Final = 1e-4
_NO_CONNECTION_RETRY_S: Final = 0.5


def connection_retry_after_s(rng: Random) -> float:
    """When a caller shall return that finds no connection; spread, so that callers part."""
    return _NO_CONNECTION_RETRY_S * rng.uniform(0.5, 1.5)


class LocalRetryPacing:
    """The rate at which one client is answered, and how many callers it has rejected who may come back."""

    __slots__ = ("_gap", "_answered_at", "_rejected")

    def __init__(self) -> None:
        self._gap: Average | None = None
        self._answered_at: float | None = None
        self._rejected = 0

    def answered(self, count: int, outstanding: int, now: float) -> None:
        """So many answers have come together; ``outstanding`` are still to come."""
        if self._answered_at is not None:
            gap_s = (now - self._answered_at) / count
            if self._gap is None:
                self._gap = Average(gap_s, now)
            else:
                self._gap.add(gap_s, now, count)
        self._answered_at = now if outstanding else None
        self._rejected = max(0, self._rejected - count) if outstanding else 0

    def rejected(self, now: float) -> None:
        """A caller was rejected. Beyond those whom ``_AFTER_MAX_S`` of answers let in, one more changes nothing."""
        if self._after_s(now) < _AFTER_MAX_S:
            self._rejected += 1

    def retry_after_s(self, now: float, rng: Random) -> float:
        """When an answer is to be expected that leaves room for one caller more; spread, so that callers part."""
        return min(_AFTER_MAX_S, max(_AFTER_MIN_S, self._after_s(now))) * rng.uniform(0.5, 1.5)

    def _after_s(self, now: float) -> float:
        gap_s = max(self._gap.mean_s if self._gap else 0.0, _GAP_MIN_S)
        if self._answered_at is not None:  # where answers have ceased, the next is as far away as the last
            gap_s = max(gap_s, now - self._answered_at)
        return gap_s * (1 + self._rejected)
