"""What was decided about the tasks of late, and how often each decision was made.

In: tasks when they are sent, come back and end; rejections. Out: the records of one task, if they are still here, and
counts. It must never decide anything, keep a payload, or make text: it is called for every task, so it only keeps
records that exist anyway in rings of fixed length. Who asks for one task pays for looking through them.

Tasks that ended as they should, and soon, have a ring of their own, and a shorter one: thousands of them in a second
must not drive out the one that somebody will ask about.
"""

from __future__ import annotations

from typing import Final

from argon.errors import RejectReason
from argon.protocol.messages import Status
from argon.scheduling.cluster.admission import Rejection
from argon.scheduling.cluster.router import Route
from argon.scheduling.cluster.task import Attempt, Task

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
    """How often each decision was made since the start. ``unmeasured`` of those sent were of a kind for which their
    node had no time of its own."""

    __slots__ = ("sent", "unmeasured", "refusals")

    def __init__(self) -> None:
        self.sent = [0] * len(_DECISIONS)
        self.unmeasured = 0
        self.refusals: dict[RejectReason, int] = dict.fromkeys(RejectReason, 0)

    def numbers(self) -> dict[str, int]:
        """The routing decisions by name."""
        return {**dict(zip(_DECISIONS, self.sent, strict=True)), "kind_unmeasured_there": self.unmeasured}

    def refused(self) -> dict[str, int]:
        """The rejections by reason."""
        return {reason.value: count for reason, count in self.refusals.items()}


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


class Journal:
    """The tasks that ended last, the last rejections, and the counts.

    A task is remarkable that did not complete, came back from a node, or took ``REMARKABLE_S`` or longer.
    """

    def __init__(self) -> None:
        self.decisions = Decisions()
        self._ordinary = _Ended(ORDINARY_KEPT)
        self._remarkable = _Ended(REMARKABLE_KEPT)
        self._rejections: list[Rejection | None] = [None] * REJECTIONS_KEPT
        self._rejections_at = 0

    def send(self, task: Task, route: Route, known_s: float | None) -> None:
        """Notes that a task goes by a route; it is booked on its node afterwards.

        Args:
            known_s: what it is expected to take there, None if nothing like it was ever measured.
        """
        node, runner_up = route.node, route.runner_up
        measured = node.times.service.of(task.kind) is not None
        self.decisions.sent[route.why] += 1
        self.decisions.unmeasured += not measured
        task.sent = Attempt(
            node.name,
            route.why,
            route.free_nodes,
            -1.0 if known_s is None else known_s,
            measured,
            0.0 if node.free() else node.work_s / max(1, node.workers),
            "" if runner_up is None else runner_up.name,
            route.runner_up_s,
        )

    def give_back(self, task: Task, end: str) -> None:
        """A task came back from its node and waits again."""
        attempt = task.sent
        assert attempt is not None
        attempt.end = end
        if task.returned is None:
            task.returned = []
        elif len(task.returned) >= RETURNS_KEPT:
            del task.returned[0]
        task.returned.append(attempt)
        task.sent = None

    def end(self, task: Task, status: int, entered: int, run_s: float, now: float) -> None:
        """A task has ended; ``now`` is 0 where nobody was answered."""
        task.status = status
        task.entered = entered
        task.run_s = run_s
        task.ended_at = now
        if task.client is None:
            return  # it was kept when its client left
        if status == Status.COMPLETED and task.wait_s + run_s < REMARKABLE_S and task.returned is None:
            self._ordinary.add(task)
        else:
            self._remarkable.add(task)

    def leave(self, task: Task) -> None:
        """The client of a task that has not ended is gone."""
        self._remarkable.add(task)

    def refuse(self, rejection: Rejection) -> None:
        """A task was not admitted."""
        self.decisions.refusals[rejection.reason] += 1
        at = self._rejections_at
        self._rejections[at] = rejection
        self._rejections_at = at + 1 if at + 1 < REJECTIONS_KEPT else 0

    def task(self, session: int, sequence: int) -> Task | None:
        """The task of this number that was here last, if it is still remembered."""
        found: Task | None = None
        for ring in (self._ordinary, self._remarkable):
            for task in ring.tasks:
                if task is None or task.client_id != sequence or task.session != session:
                    continue
                if found is None or task.id > found.id:
                    found = task
        return found

    def rejections(self, session: int, sequence: int) -> list[Rejection]:
        """How often a task of this number was rejected of late, oldest first."""
        ring = self._rejections[self._rejections_at :] + self._rejections[: self._rejections_at]
        return [r for r in ring if r is not None and r.sequence == sequence and r.session == session]
