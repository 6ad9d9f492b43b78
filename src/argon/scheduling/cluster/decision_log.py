"""What was decided about the tasks of late, and how often each decision was made.

In: tasks when they are assigned, come back and end; rejections. Out: the records of one task, if they are still here,
and counts. It must never decide anything, keep a payload, or make text: it is called for every task, so it only keeps
records in rings of fixed length. Who asks for one task pays for searching them.

Tasks that ended as they should, and soon, have a ring of their own, and a shorter one: thousands of them in a second
must not drive out the one that somebody will ask about.
"""

from __future__ import annotations

from typing import Final

from argon.errors import RejectReason
from argon.protocol.ids import ClientTaskId, PeerId
from argon.protocol.messages import Status
from argon.scheduling.cluster.forecast import Rejection
from argon.scheduling.cluster.route import Route
from argon.scheduling.cluster.task import Task

ORDINARY_KEPT: Final = 1024
REMARKABLE_KEPT: Final = 4096
REMARKABLE_S: Final = 0.1
REJECTIONS_KEPT: Final = 4096
RETURNS_KEPT: Final = 8
_DECISIONS: Final = (
    "to_free_worker",
    "prefetched",
    "to_node_of_key",
    "key_spilled_over",
    "to_faster_node",
)  # as numbered by Choice


class Decisions:
    """How often each decision was made since the start. ``unmeasured`` of those assigned were of a kind for which their
    node had no time of its own."""

    __slots__ = ("assigned", "unmeasured", "rejections")

    def __init__(self) -> None:
        self.assigned = [0] * len(_DECISIONS)
        self.unmeasured = 0
        self.rejections: dict[RejectReason, int] = dict.fromkeys(RejectReason, 0)

    def numbers(self) -> dict[str, int]:
        """The routing decisions by name."""
        return {**dict(zip(_DECISIONS, self.assigned, strict=True)), "kind_unmeasured_there": self.unmeasured}

    def rejected(self) -> dict[str, int]:
        """The rejections by reason."""
        return {reason.value: count for reason, count in self.rejections.items()}


class _Ended:
    """The last tasks of some sort that ended."""

    __slots__ = ("_at", "_kept", "tasks")

    def __init__(self, kept: int) -> None:
        self.tasks: list[Task | None] = [None] * kept
        self._kept = kept
        self._at = 0

    def add(self, task: Task) -> None:
        at = self._at
        self.tasks[at] = task
        self._at = at + 1 if at + 1 < self._kept else 0


class DecisionLog:
    """The tasks that ended last, the last rejections, and the counts.

    A task is remarkable that did not complete, came back from a node, or took ``REMARKABLE_S`` or longer.
    """

    def __init__(self) -> None:
        self.decisions = Decisions()
        self._ordinary = _Ended(ORDINARY_KEPT)
        self._remarkable = _Ended(REMARKABLE_KEPT)
        self._rejections: list[Rejection | None] = [None] * REJECTIONS_KEPT
        self._rejections_at = 0

    def assign(self, task: Task, route: Route, known_s: float | None) -> None:
        """A task goes by this route; it is booked on its node afterwards.

        Args:
            task: which.
            route: where it goes, and why.
            known_s: what it is expected to take there, None if nothing like it was ever measured.
        """
        node, runner_up = route.node, route.runner_up
        measured = node.times.service.of(task.kind) is not None
        self.decisions.assigned[route.why] += 1
        self.decisions.unmeasured += not measured
        history = task.history
        history.node = node.name
        history.choice = route.why
        history.free_nodes = route.free_nodes
        history.predicted_run_s = known_s
        history.measured_there = measured
        history.predicted_wait_s = 0.0 if node.free() else node.work_s / max(1, node.workers)
        history.next_node = None if runner_up is None else runner_up.name
        history.next_predicted_s = None if runner_up is None else route.runner_up_s

    def give_back(self, task: Task, end: str) -> None:
        """A task came back from its node and waits again."""
        history = task.history
        attempt = history.attempt()
        assert attempt is not None
        attempt.end = end
        if history.returned is None:
            history.returned = []
        elif len(history.returned) >= RETURNS_KEPT:
            del history.returned[0]
        history.returned.append(attempt)
        history.node = None

    def end(self, task: Task, status: int, entered: int, run_s: float, now: float) -> None:
        """A task has ended; ``now`` is 0 where nobody was answered."""
        history = task.history
        history.status = status
        history.entered = entered
        history.run_s = run_s
        history.ended_at = now
        if task.client is None:
            return  # it was kept when its client left
        if status == Status.COMPLETED and task.wait_s + run_s < REMARKABLE_S and history.returned is None:
            self._ordinary.add(task)
        else:
            self._remarkable.add(task)

    def leave(self, task: Task) -> None:
        """The client of a task that has not ended is gone."""
        self._remarkable.add(task)

    def reject(self, rejection: Rejection) -> None:
        """A task was not admitted."""
        self.decisions.rejections[rejection.reason] += 1
        at = self._rejections_at
        self._rejections[at] = rejection
        self._rejections_at = at + 1 if at + 1 < REJECTIONS_KEPT else 0

    def task(self, client: PeerId, client_task_id: ClientTaskId) -> Task | None:
        """The task of this number that was here last, if it is still remembered."""
        found: Task | None = None
        for ring in (self._ordinary, self._remarkable):
            for task in ring.tasks:
                if task is None or task.client_task_id != client_task_id or task.history.client != client:
                    continue
                if found is None or task.id > found.id:
                    found = task
        return found

    def rejections(self, client: PeerId, client_task_id: ClientTaskId) -> list[Rejection]:
        """How often a task of this number was rejected of late, oldest first."""
        ring = self._rejections[self._rejections_at :] + self._rejections[: self._rejections_at]
        return [r for r in ring if r is not None and r.client_task_id == client_task_id and r.client == client]
