"""The record of one task on a node, and its states. Every part of a node may hold one; only ``NodeState`` moves it.

In: an Assign of the cluster, which stays as it came. Out: where the task is, and how it is to end.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from argon.protocol.ids import LocalTaskId, TaskId, WorkerId
from argon.protocol.messages import Assign, Status
from argon.scheduling.transitions import NONE, State, Transition, Transitions

SHORT_S: Final = 0.001
_NO_ASSIGN: Final = Assign(0, 0, 0, 0.0, 0, b"")  # what a task that has ended keeps of its own


class NodeTaskState:
    """Where a task is on its node. Up to ASSIGNED its end is open."""

    BUFFERED: Final = 0
    ASSIGNED: Final = 1
    ENDING: Final = 2
    ORPHANED: Final = 3
    ENDED: Final = 4


TRANSITIONS: Final = Transitions(
    "task on a node",
    (
        State("BUFFERED", "no worker has it; it waits in `NodeBuffer`"),
        State("ASSIGNED", "in `WorkerSlot.tasks` of one worker: it runs there, or it is prefetched"),
        State("ENDING", "in `WorkerSlot.tasks`; `end_as` says how it is to end, and its worker is recalled"),
        State("ORPHANED", "in `WorkerSlot.tasks` and no longer in `NodeState._tasks`: its cluster is gone"),
        State("ENDED", "nowhere; tombstones in heaps may still point at it, but not at its payload"),
    ),
    (
        Transition(NONE, "Assign", NodeTaskState.BUFFERED),
        Transition(NodeTaskState.BUFFERED, "a worker is free for it, or prefetches it", NodeTaskState.ASSIGNED),
        Transition(NodeTaskState.BUFFERED, "Cancel", NodeTaskState.ENDED, "answered CANCELLED, did not run"),
        Transition(NodeTaskState.BUFFERED, "its deadline passes", NodeTaskState.ENDED, "answered EXPIRED, did not run"),
        Transition(NodeTaskState.BUFFERED, "the node drains", NodeTaskState.ENDED, "answered LOST, did not run"),
        Transition(
            NodeTaskState.BUFFERED,
            "no worker has taken any buffered task for 50 ms",
            NodeTaskState.ENDED,
            "answered LOST, did not run; the cluster queues it again",
        ),
        Transition(NodeTaskState.BUFFERED, "the cluster is lost", NodeTaskState.ENDED, "nobody is answered"),
        Transition(NodeTaskState.ASSIGNED, "its worker answers it", NodeTaskState.ENDED, "answered as the worker says"),
        Transition(
            NodeTaskState.ASSIGNED,
            "its worker is recalled or has ended, and had not started it",
            NodeTaskState.BUFFERED,
        ),
        Transition(
            NodeTaskState.ASSIGNED,
            "its worker had not started it, and the node drains",
            NodeTaskState.ENDED,
            "answered LOST, did not run",
        ),
        Transition(
            NodeTaskState.ASSIGNED,
            "its worker has ended with it",
            NodeTaskState.ENDED,
            "answered FAILED (WORKER_DIED); ran, or did not run if its function was not entered",
        ),
        Transition(NodeTaskState.ASSIGNED, "Cancel", NodeTaskState.ENDING, "as CANCELLED"),
        Transition(NodeTaskState.ASSIGNED, "its deadline passes", NodeTaskState.ENDING, "as EXPIRED"),
        Transition(NodeTaskState.ASSIGNED, "a drain runs out of time", NodeTaskState.ENDING, "as LOST"),
        Transition(NodeTaskState.ASSIGNED, "the cluster is lost", NodeTaskState.ORPHANED, "as LOST"),
        Transition(NodeTaskState.ENDING, "the cluster is lost", NodeTaskState.ORPHANED, "as LOST"),
        Transition(
            NodeTaskState.ENDING,
            "the recall brings it back",
            NodeTaskState.ENDED,
            "answered as it was to end, did not run",
        ),
        Transition(
            NodeTaskState.ENDING,
            "the recall brings its outcome",
            NodeTaskState.ENDED,
            "answered with that outcome",
        ),
        Transition(
            NodeTaskState.ENDING,
            "the recall brings neither, and its function was entered: its worker is sent SIGTERM",
            NodeTaskState.ENDED,
            "answered as it was to end, ran, at once",
        ),
        Transition(
            NodeTaskState.ENDING,
            "its function was not entered yet, and its worker, which was sent SIGTERM, has ended",
            NodeTaskState.ENDED,
            "answered as it was to end; ran or did not run",
        ),
        Transition(
            NodeTaskState.ORPHANED,
            "its worker answers it, returns it or ends",
            NodeTaskState.ENDED,
            "nobody is answered",
        ),
    ),
)


@mypyc_attr(acyclic=True)
class NodeTask:
    """A task on this node.

    ``id`` is the cluster's number, ``local_task_id`` this node's own: workers know only the latter, since another
    cluster may use the same ids again. ``worker`` is the one that has it, if one has. ``end_as`` is how it is to end
    once it is ENDING or ORPHANED. ``predicted_s`` is what it was expected to take when it came, 0 if nothing is known.
    """

    __slots__ = ("id", "local_task_id", "assign", "deadline", "predicted_s", "state", "worker", "end_as")

    def __init__(self, assign: Assign, local_task_id: LocalTaskId, deadline: float, predicted_s: float = 0.0) -> None:
        self.id: TaskId = assign.id
        self.local_task_id = local_task_id
        self.assign = assign
        self.deadline = deadline
        self.predicted_s = predicted_s
        self.state: int = NodeTaskState.BUFFERED
        self.worker: WorkerId = 0
        self.end_as: int = Status.LOST

    def move(self, to: int) -> None:
        """Changes its state; raises InvalidTransition where the table has no such move."""
        self.state = TRANSITIONS.move(self.state, to, self.id)

    def end(self) -> None:
        """Ends it, and lets go of its payload, which a tombstone in a heap would else keep until its deadline."""
        self.move(NodeTaskState.ENDED)
        self.assign = _NO_ASSIGN

    def is_open(self) -> bool:
        """Whether nothing has decided its end yet."""
        return self.state <= NodeTaskState.ASSIGNED

    def must_end(self) -> bool:
        """Whether its worker is to be rid of it."""
        return self.state == NodeTaskState.ENDING or self.state == NodeTaskState.ORPHANED

    def is_short(self) -> bool:
        """Whether it is known, and should be done before anybody notices."""
        return 0.0 < self.predicted_s <= SHORT_S
