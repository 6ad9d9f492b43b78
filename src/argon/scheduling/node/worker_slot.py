"""The record of one worker process and its states, and what the pool reports of such a process.

In: that it is up, is assigned tasks, answers, is recalled, is killed. Out: whether it takes tasks, and when it is late.
Every part of a node may hold one; ``Workers`` and ``NodeState`` move it.
"""

from __future__ import annotations

from math import inf
from typing import Final

from argon.protocol.ids import LocalTaskId, WorkerId
from argon.protocol.messages import Outcome
from argon.record import Record
from argon.scheduling.node.node_task import NodeTask
from argon.scheduling.transitions import ANY, NONE, State, Transition, Transitions

RECALL_AFTER_S: Final = 0.005


class WorkerState:
    """What a worker process is good for. From FREE to RECALLED it is up and stays."""

    STARTING: Final = 0
    FREE: Final = 1
    BUSY: Final = 2
    RECALLED: Final = 3
    LEAVING: Final = 4
    DYING: Final = 5


TRANSITIONS: Final = Transitions(
    "worker",
    (
        State("STARTING", "not up yet; no capacity"),
        State("FREE", "up, without a task; counts as capacity"),
        State("BUSY", "up, with tasks; counts as capacity"),
        State("RECALLED", "as BUSY, but what it had not started was taken back: it prefetches none until it answers"),
        State("LEAVING", "has served `max_requests` tasks, and ends by itself; no capacity"),
        State("DYING", "was sent SIGTERM; `kill_at` says when SIGKILL follows; no capacity"),
    ),
    (
        Transition(NONE, "the node starts; or another worker leaves, is sent SIGTERM, or ends", WorkerState.STARTING),
        Transition(WorkerState.STARTING, "its first message", WorkerState.FREE),
        Transition(WorkerState.FREE, "a task is assigned to it", WorkerState.BUSY),
        Transition(WorkerState.BUSY, "it has no task left", WorkerState.FREE),
        Transition(WorkerState.BUSY, "it has no task left, and has served `max_requests`", WorkerState.LEAVING),
        Transition(
            WorkerState.BUSY,
            "with more than one task it is silent for 5 ms longer than all of them were predicted to take",
            WorkerState.RECALLED,
        ),
        Transition(
            WorkerState.BUSY,
            "it has prefetched behind more than a millisecond of work, another worker is free, and nothing is buffered",
            WorkerState.RECALLED,
        ),
        Transition(WorkerState.BUSY, "one of its tasks is to end", WorkerState.RECALLED),
        Transition(WorkerState.BUSY, "the node drains, and it has more than one task", WorkerState.RECALLED),
        Transition(WorkerState.RECALLED, "it answers", WorkerState.BUSY),
        Transition(WorkerState.RECALLED, "it has no task left", WorkerState.FREE),
        Transition(WorkerState.RECALLED, "it has no task left, and has served `max_requests`", WorkerState.LEAVING),
        Transition(
            WorkerState.RECALLED, "a task that is to end did not come back, nor did its outcome", WorkerState.DYING
        ),
        Transition(ANY, "its process ends", NONE, "gone"),
    ),
)


class WorkerSlot:
    """One worker process as its node books it.

    ``tasks`` are those assigned and not answered, in the order in which it runs them, and ``work_s`` what they were
    predicted to take together. It has ``served`` so many tasks, last made progress at ``progress_at``, and is killed
    for good at ``kill_at``.
    """

    __slots__ = ("worker", "state", "served", "tasks", "work_s", "progress_at", "kill_at")

    def __init__(self, worker: WorkerId) -> None:
        self.worker = worker
        self.state: int = WorkerState.STARTING
        self.served = 0
        self.tasks: dict[LocalTaskId, NodeTask] = {}
        self.work_s = 0.0
        self.progress_at = 0.0
        self.kill_at = inf

    def move(self, to: int) -> None:
        """Changes its state; raises InvalidTransition where the table has no such move."""
        self.state = TRANSITIONS.move(self.state, to, self.worker)

    def serves(self) -> bool:
        """Whether it is up and stays."""
        return WorkerState.FREE <= self.state <= WorkerState.RECALLED

    def mark_recalled(self) -> None:
        """Books that what it has not started is taken back."""
        if self.state == WorkerState.BUSY:  # a second recall changes nothing, nor does one of a dying worker
            self.move(WorkerState.RECALLED)

    def ends_at(self) -> float:
        """When it is predicted to be done with all it has."""
        return self.progress_at + self.work_s

    def recall_at(self) -> float:
        """When its silence becomes a reason to take back what it has prefetched."""
        if self.state != WorkerState.BUSY or len(self.tasks) < 2:
            return inf
        return self.ends_at() + RECALL_AFTER_S


class Recalled(Record):
    """What a recall has brought back from a worker, as the pool found it.

    Attributes:
        worker: its number.
        unstarted: the tasks that it has not started.
        outcomes: what it has finished; some may come once more.
        entered: the task whose function it entered last, 0 for none.
    """

    __slots__ = ("worker", "unstarted", "outcomes", "entered")

    def __init__(
        self, worker: WorkerId, unstarted: list[LocalTaskId], outcomes: list[Outcome], entered: LocalTaskId
    ) -> None:
        self.worker = worker
        self.unstarted = unstarted
        self.outcomes = outcomes
        self.entered = entered


class WorkerExit(Record):
    """How a worker process ended, as the pool found it.

    Attributes:
        worker: its number.
        signal: what killed it, 0 if no signal did.
        exit_code: what it exited with, 0 if a signal killed it.
        oom: the kernel killed it for want of memory.
        reason: what it did wrong, or why it could not be started; empty for nothing.
        wanted: the node has sent for its end.
        unstarted: the tasks that it has not started.
        outcomes: what it had finished; some may have been reported before.
        entered: the task whose function it entered last, 0 for none.
    """

    __slots__ = ("worker", "signal", "exit_code", "oom", "reason", "wanted", "unstarted", "outcomes", "entered")

    def __init__(
        self,
        worker: WorkerId,
        *,
        signal: int,
        exit_code: int,
        unstarted: list[LocalTaskId],
        outcomes: list[Outcome],
        entered: LocalTaskId,
        oom: bool = False,
        reason: str = "",
        wanted: bool = False,
    ) -> None:
        self.worker = worker
        self.signal = signal
        self.exit_code = exit_code
        self.oom = oom
        self.reason = reason
        self.wanted = wanted
        self.unstarted = unstarted
        self.outcomes = outcomes
        self.entered = entered
