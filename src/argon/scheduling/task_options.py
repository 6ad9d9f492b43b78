"""How a task is to be treated: what its caller has chosen, checked.

In: fields. Out: fields. It stands by itself, since a class with keywords must not be compiled: they would be lost.
"""

from __future__ import annotations

import msgspec


class TaskOptions(msgspec.Struct, frozen=True):
    """How a task is to be treated.

    Attributes:
        priority: 0 (MAX) to 4 (MIN).
        timeout_s: from submit to answer, None for ever.
        retries: how often a rejected task is tried again, None for ever.
        idempotent: whether it may run twice, so that the cluster and the client may repeat it after a loss.
        run_here: whether a task that is rejected for good is run by the client's own process.
        key: tasks of equal non-zero keys go to one node while it has room.
    """

    priority: int = 2
    timeout_s: float | None = None
    retries: int | None = None
    idempotent: bool = False
    run_here: bool = False
    key: int = 0
