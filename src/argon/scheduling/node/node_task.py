"""The record of one task on a node. Every room of a node may hold one; only the node's corridor decides its end."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from argon.protocol.ids import LocalTaskId, TaskId
from argon.protocol.messages import Assign

SHORT_S: Final = 0.001
ENDED: Final = Assign(0, 0, 0, 0.0, 0, b"")  # what a task that was answered keeps of its own


@mypyc_attr(acyclic=True)
class NodeTask:
    """A task on this node.

    ``id`` is the cluster's number, ``sequence`` this node's own: workers know only the latter, since another cluster
    may use the same ids again. ``worker`` is 0 while no worker has it, and ``waits`` says that it is in the node's
    buffer. ``doom`` is how it shall end, once that is decided from outside. An ``orphan`` has nobody to answer to.
    ``predicted_s`` is what it was expected to take when it came, 0 if nothing is known.
    """

    __slots__ = ("id", "attempt", "sequence", "assign", "deadline", "worker", "waits", "doom", "orphan", "predicted_s")

    def __init__(
        self, id: TaskId, attempt: int, sequence: LocalTaskId, assign: Assign, deadline: float, predicted_s: float = 0.0
    ) -> None:
        self.id = id
        self.attempt = attempt
        self.sequence = sequence
        self.assign = assign
        self.deadline = deadline
        self.worker = 0
        self.waits = False
        self.doom: int | None = None
        self.orphan = False
        self.predicted_s = predicted_s

    def is_short(self) -> bool:
        """Whether it is known, and should be done before anybody notices."""
        return 0.0 < self.predicted_s <= SHORT_S
