"""What is known of every task of a simulation: how it will behave, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from argon.protocol.messages import Answer, Payload, Submit
from argon.scheduling.task_options import TaskOptions

STRAY_RUN_S = 0.01


@dataclass
class SimulatedTask:
    """One submit call: the task as its caller sees it.

    It came at ``since`` by its client's clock. ``fate`` is how it ends in a worker if nobody ends it before: ``ok``,
    ``raise``, or ``die`` with its worker. A ``stubborn`` one ignores SIGTERM. A ``stray`` one stands for all tasks that
    hostile clients have made of the same bytes.
    """

    tag: str
    client: str
    id: int
    options: TaskOptions
    kind: int
    deadline: float
    run_s: float
    fate: str = "ok"
    stubborn: bool = False
    padding: int = 0
    entered: int = 0
    sent: int = 0
    rejected: int = 0
    losses: int = 0
    outcome: Answer | None = None
    settled_at: float = 0.0
    cancelled: bool = False
    abandoned: bool = False
    since: float = 0.0
    stray: bool = False

    def payload(self) -> bytes:
        """What travels: the tag, so that whoever holds the payload can be asked whose it is."""
        return f"{self.tag}|".encode() + b"." * self.padding


@dataclass
class TaskTable:
    """All tasks of a simulation, by tag; those that a hostile client has made of any bytes, by these bytes too."""

    tasks: dict[str, SimulatedTask] = field(default_factory=dict)
    strays: dict[bytes, SimulatedTask] = field(default_factory=dict)

    def of(self, payload: Payload) -> SimulatedTask:
        """The task that a payload belongs to."""
        data = _joined(payload)
        if data in self.strays:
            return self.strays[data]
        tag, _, padding = data.partition(b"|")
        task = self.tasks.get(tag.decode(errors="replace"))
        assert task is not None, f"a payload that belongs to no task: {data[:40]!r}"
        assert len(padding) == task.padding, f"{task.tag}: its payload is {len(padding)} bytes too short or long"
        return task

    def adopt(self, client: str, submit: Submit) -> None:
        """Notes a task that a hostile client has submitted, unless its bytes are those of a task that is known.

        The same bytes may come again, as another task: so this one may run more than once.
        """
        data = _joined(submit.payload)
        known = self.tasks.get(data.partition(b"|")[0].decode(errors="replace"))
        if data in self.strays or (known is not None and data == known.payload()):
            return
        tag = f"{client}:stray-{len(self.strays) + 1}"
        task = SimulatedTask(tag, client, submit.id, TaskOptions(idempotent=True), submit.kind, inf, STRAY_RUN_S)
        task.abandoned = task.stray = True
        self.strays[data] = self.tasks[tag] = task


def _joined(payload: Payload) -> bytes:
    return payload if isinstance(payload, bytes) else b"".join(payload)
