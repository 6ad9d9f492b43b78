"""How a task is to be treated: what its caller has chosen, checked.

In: fields. Out: fields.
"""

from __future__ import annotations

from typing import Final

from argon.record import Record


class TaskOptions(Record):
    """How a task is to be treated.

    Attributes:
        priority: 0 (MAX) to 4 (MIN).
        timeout_s: from submit to answer, None for ever.
        retries: how often a rejected task is tried again, None for ever.
        idempotent: whether it may run twice, so that the cluster and the client may repeat it after a loss.
        run_here: whether a task that is rejected for good is run by the client's own process.
        key: tasks of equal non-zero keys go to one node while it has room.
    """

    __slots__ = ("priority", "timeout_s", "retries", "idempotent", "run_here", "key")

    def __init__(
        self,
        priority: int = 2,
        timeout_s: float | None = None,
        retries: int | None = None,
        idempotent: bool = False,
        run_here: bool = False,
        key: int = 0,
    ) -> None:
        self.priority: Final = priority
        self.timeout_s: Final = timeout_s
        self.retries: Final = retries
        self.idempotent: Final = idempotent
        self.run_here: Final = run_here
        self.key: Final = key

    def impatient(self) -> bool:
        """Whether the caller wants to know at once when there is no room."""
        return self.retries is not None and self.retries == 0
