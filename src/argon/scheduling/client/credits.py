"""How many tasks the cluster allows a client to have outstanding, and how many are.

In: credits, as the cluster sends them; that a task was sent or answered. Out: whether the credits allow one more. It
must never see a task.

Where nothing is outstanding, credits are old news, and others may have come meanwhile: so a client begins with a few
tasks (slow start), and the first answer or heartbeat brings what it may have now.
"""

from __future__ import annotations

from typing import Final

INITIAL_WINDOW_TASKS: Final = 16


class Credits:
    """The credits of one connection. ``allowed`` is what the cluster sent last, ``outstanding`` how many tasks have no
    answer yet.

    Args:
        allowed: what the cluster sent in its welcome; 0 without a connection.
    """

    __slots__ = ("allowed", "outstanding", "_slow_start")

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.outstanding = 0
        self._slow_start = True

    def renew(self, allowed: int) -> None:
        """The cluster has sent credits."""
        self.allowed = allowed
        self._slow_start = False

    def use_all(self) -> None:
        """Ends the slow start though nothing new is known: a caller wants to know now."""
        self._slow_start = False

    def end_event(self) -> None:
        """What was sent with the last answer is old news from now on."""
        if not self.outstanding:
            self._slow_start = True

    def allow_one(self) -> bool:
        """Whether one task more may be outstanding."""
        limit = min(self.allowed, INITIAL_WINDOW_TASKS) if self._slow_start else self.allowed
        return self.outstanding < limit
