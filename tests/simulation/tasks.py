"""What is known of every task of a simulation: how it will behave, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from argon.protocol.messages import Answer, Payload
from argon.scheduling.task_options import TaskOptions


@dataclass
class Errand:
    """One submit call: the task as its caller sees it.

    It came at ``since`` by its client's clock. ``fate`` is how it ends in a worker if nobody ends it before: ``ok``,
    ``raise``, or ``die`` with its worker. A ``stubborn`` one ignores SIGTERM.
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

    def payload(self) -> bytes:
        """What travels: the tag, so that whoever holds the payload can be asked whose it is."""
        return f"{self.tag}|".encode() + b"." * self.padding


@dataclass
class Ledger:
    """All errands of a simulation, by tag."""

    errands: dict[str, Errand] = field(default_factory=dict)

    def of(self, payload: Payload) -> Errand:
        """The errand that a payload belongs to."""
        data = payload if isinstance(payload, bytes) else b"".join(payload)
        tag, bar, padding = data.partition(b"|")
        assert bar, f"a payload that belongs to no task: {data[:40]!r}"
        errand = self.errands[tag.decode()]
        assert len(padding) == errand.padding, f"{errand.tag}: its payload is {len(padding)} bytes too short or long"
        return errand
