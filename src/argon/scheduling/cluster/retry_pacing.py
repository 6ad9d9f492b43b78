"""When those whom the cluster rejected are to come back: the ``retry_after_s`` of a rejection.

In: the predicted wait and work of a task that was rejected, and the time. Out: in how many seconds its client is to try
again. It must never see a task, or whether it comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from argon.errors import RejectReason

if TYPE_CHECKING:
    from random import Random

_RETRY_MIN_S: Final = 0.01
_RETRY_MAX_S: Final = 30.0
_NO_NODES_RETRY_S: Final = 0.5
_BOOKED_MAX_S: Final = 5.0
_TOO_LARGE: Final = RejectReason.TOO_LARGE  # reading a member of an enumeration takes a tenth of a rejection
_NO_NODES: Final = RejectReason.NO_NODES


class RetryPacing:
    """Spreads those who were rejected, so that they do not come back faster than workers become free.

    Each is booked with the time for which it will keep the fleet busy. Bookings wear off as time passes.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._booked_s = 0.0
        self._at = 0.0

    def book(self, reason: RejectReason, wait_s: float, work_s: float, now: float) -> float:
        """Books that a rejected task comes back; returns in how many seconds it is to, 0 for never.

        That is the predicted wait, or the time that all who are booked will take if that is longer, times one half to
        one and a half, so that they come back apart.

        Args:
            reason: why it was rejected.
            wait_s: predicted work ahead of it divided by the capacity of the moment.
            work_s: its own predicted work divided by that.
            now: the time.
        """
        if reason is _TOO_LARGE:
            return 0.0
        self._booked_s = min(_BOOKED_MAX_S, max(0.0, self._booked_s - (now - self._at)) + work_s)
        self._at = now
        least_s = _NO_NODES_RETRY_S if reason is _NO_NODES else _RETRY_MIN_S
        return min(_RETRY_MAX_S, max(wait_s, self._booked_s, least_s) * (0.5 + self._rng.random()))
