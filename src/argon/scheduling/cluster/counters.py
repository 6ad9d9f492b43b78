"""How many tasks came, and how each ended. Only counts: nothing here decides.

Every task that was accepted is in exactly one place: ended in one way, or still here. ``still_here`` says how many that
must be, so that the counters can be held against the parts.
"""

from __future__ import annotations

from argon.protocol.messages import STATUS_NAMES, Status


class TaskCounters:
    """The counters of a cluster since its start. ``requeued`` and ``stale_answers`` count events, not tasks."""

    __slots__ = ("_ends", "accepted", "requeued", "stale_answers")

    def __init__(self) -> None:
        self._ends = [0] * len(STATUS_NAMES)
        self.accepted = 0
        self.requeued = 0
        self.stale_answers = 0

    def end(self, status: int) -> None:
        """A task has ended, or was rejected."""
        self._ends[status] += 1

    def still_here(self) -> int:
        """How many accepted tasks have not ended."""
        return self.accepted - sum(self._ends) + self._ends[Status.REJECTED]

    def rejected(self) -> int:
        """How many tasks were not admitted."""
        return self._ends[Status.REJECTED]

    def by_name(self) -> dict[str, int]:
        """The numbers of this moment."""
        ends = {name.lower(): count for name, count in zip(STATUS_NAMES, self._ends, strict=True)}
        return {"accepted": self.accepted, **ends, "requeued": self.requeued, "stale_answers": self.stale_answers}
