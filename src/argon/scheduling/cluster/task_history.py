"""What is kept of one task for who asks: why it went where it went, and what became of it.

In: what is noted when a task leaves the queue, is assigned, comes back and ends. Out: records. It must never be read by
what decides: the decision log keeps it, and reporting tells it.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from argon.protocol.ids import PeerId
from argon.record import Record
from argon.scheduling.cluster.forecast import Forecast


@mypyc_attr(acyclic=True)
class Attempt(Record):
    """Why a task went to a node, by the numbers of that moment.

    Attributes:
        node: its name.
        choice: see ``Choice``.
        free_nodes: how many nodes had a free worker.
        predicted_run_s: what the task was predicted to run there, None if nothing like it had been measured.
        measured_there: whether that was this node's own time.
        predicted_wait_s: what was ahead of it there.
        next_node: which node would have been next, None if that was not asked.
        next_predicted_s: in how long it would have been done there, the way included.
        end: why it came back, None if it did not.
    """

    __slots__ = (
        *("node", "choice", "free_nodes", "predicted_run_s", "measured_there", "predicted_wait_s"),
        *("next_node", "next_predicted_s", "end"),
    )

    def __init__(
        self,
        *,
        node: str,
        choice: int,
        free_nodes: int,
        predicted_run_s: float | None,
        measured_there: bool,
        predicted_wait_s: float,
        next_node: str | None,
        next_predicted_s: float | None,
    ) -> None:
        self.node = node
        self.choice = choice
        self.free_nodes = free_nodes
        self.predicted_run_s = predicted_run_s
        self.measured_there = measured_there
        self.predicted_wait_s = predicted_wait_s
        self.next_node = next_node
        self.next_predicted_s = next_predicted_s
        self.end: str | None = None


@mypyc_attr(acyclic=True)
class TaskHistory(Record):
    """What is kept of one task. Parts of the state machine write into it, and none reads it.

    Attributes:
        client: the peer that submitted it, also when that is gone.
        submitted_at: when it came.
        forecast: what was foreseen for it, None if it did not have to wait.
        by_age: whether it left the queue though something more urgent waited.
        returned: the attempts that came back, None if there are none.
        node, choice, free_nodes, predicted_run_s, measured_there, predicted_wait_s, next_node, next_predicted_s: of the
            attempt that is under way or brought the outcome, as in ``Attempt``; the node is None if there is none.
        status, entered, run_s: as in its outcome; the status is negative until it has ended.
        ended_at: when it was answered, 0 if nobody was there to be answered.
    """

    __slots__ = (
        *("client", "submitted_at", "forecast", "by_age", "returned"),
        *("node", "choice", "free_nodes", "predicted_run_s", "measured_there", "predicted_wait_s"),
        *("next_node", "next_predicted_s", "status", "entered", "run_s", "ended_at"),
    )

    def __init__(self, client: PeerId, submitted_at: float) -> None:
        self.client = client
        self.submitted_at = submitted_at
        self.forecast: Forecast | None = None
        self.by_age = False
        self.returned: list[Attempt] | None = None
        # The fields of an attempt are here, not in a record of its own: nearly every task has just one.
        self.node: str | None = None
        self.choice = 0
        self.free_nodes = 0
        self.predicted_run_s: float | None = None
        self.measured_there = False
        self.predicted_wait_s = 0.0
        self.next_node: str | None = None
        self.next_predicted_s: float | None = None
        self.status = -1
        self.entered = 0
        self.run_s = 0.0
        self.ended_at = 0.0

    def attempt(self) -> Attempt | None:
        """The attempt that is under way or brought the outcome, None if there is none."""
        if self.node is None:
            return None
        return Attempt(
            node=self.node,
            choice=self.choice,
            free_nodes=self.free_nodes,
            predicted_run_s=self.predicted_run_s,
            measured_there=self.measured_there,
            predicted_wait_s=self.predicted_wait_s,
            next_node=self.next_node,
            next_predicted_s=self.next_predicted_s,
        )
