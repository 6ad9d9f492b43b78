"""A process of a simulation that has the token and speaks the protocol wrongly.

In: what the cluster answers, which it hardly heeds. Out: ids in use, floods, cancels of nothing, what only others may
say, frames that are too large or never end, bytes that mean nothing. Its proper tasks run like anybody's; what it must
never do is harm the others, or leave anything behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, nan
from typing import TYPE_CHECKING

from argon.protocol.codec import HEADER, SUBMIT, fragment_header, fragmented
from argon.protocol.framing import WHOLE_BYTES
from argon.protocol.messages import (
    Answer,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainRequest,
    Message,
    Outcome,
    Register,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
)
from argon.scheduling.task_options import TaskOptions
from tests.simulation.host_actor import HostActor
from tests.simulation.network import Stream
from tests.simulation.tasks import SimulatedTask

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario

NOT_FOR_CLIENTS: list[Message] = [
    Register("node-0", 1),
    Capacity(3),
    Drain(),
    Outcome(1, Status.COMPLETED, Entered.YES, 1),
    Assign(1, 1, 2, 0.0, 1, b"nobody's"),
    Welcome(1, 1, 1, 1.0, 1.0),
    StillRunning(1),
    StatusReply(b"{}"),
]


class HostileActor(HostActor):
    """A client with bad manners. It never sends a heartbeat: what it does must be enough, or it is dropped."""

    honest = False

    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self._submitted = 0
        self._ids = 0
        self._open: list[int] = []
        self._answered: list[int] = []
        self._mute = False
        deeds: list[Callable[[Stream], None]] = [
            *(self._submit, self._submit, self._flood, self._use_an_id_again, self._use_an_id_in_use, self._cancel),
            *(self._speak_for_others, self._say_too_much, self._never_end, self._babble, self._ask, self._read_nothing),
            *(self._fragment_wrongly, self._wait_impossibly, self._submit_any_bytes),
        ]
        self._deeds = [deed for deed in deeds if scenario.rng.random() < 0.5] or deeds

    def start(self) -> None:
        self.wind_clock()
        self.up = True
        self.dial()

    def dial(self) -> None:
        if not self.scenario.healed:
            super().dial()

    def tick(self) -> None:
        """It has no timer."""

    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]:
        self._open, self._answered, self._mute = [], [], False
        self.scenario.agenda.after(self.scenario.rng.uniform(0.0, 0.1), self._act, peer)
        return []

    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]:
        for message in messages:
            if isinstance(message, Answer) and message.id in self._open:
                self._open.remove(message.id)
                self._answered.append(message.id)
        return []

    def lost(self, peer: int, now: float) -> Iterable[object]:
        return []

    def perform(self, effects: Iterable[object]) -> None:
        """It decides nothing; it acts."""

    def _act(self, session: int) -> None:
        if self.connection is None or self.session != session or self._mute or self.scenario.healed:
            return
        self.scenario.rng.choice(self._deeds)(self.connection.to_cluster)
        self.flush()
        self.scenario.agenda.after(
            self.scenario.rng.choice([0.001, 0.05, 0.3]) * self.scenario.rng.random(), self._act, session
        )

    # ---- deeds --------------------------------------------------------------------------------------------------

    def _say_submit(self, out: Stream, id_: int) -> None:
        scenario = self.scenario
        self._submitted += 1
        tag = f"{self.name}:{self._submitted}"
        options = TaskOptions(scenario.rng.randrange(scenario.plan.levels))
        task = SimulatedTask(tag, self.name, id_, options, 50, inf, scenario.plan.run_s * scenario.rng.random())
        task.abandoned = True
        scenario.task_table.tasks[tag] = task
        self._open.append(id_)
        timeout_s = scenario.rng.choice([0.0, 0.0, 1e-9, 0.2])
        waited_s = scenario.rng.choice([0.0, 0.0, 5.0, 9e8])
        out.say(Submit(id_, task.options.priority, False, timeout_s, task.kind, 0, task.payload(), waited_s))

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids

    def _submit(self, out: Stream) -> None:
        self._say_submit(out, self._new_id())

    def _submit_any_bytes(self, out: Stream) -> None:
        """A task like any other, but for its payload: nothing, noise, or what looks like that of somebody else."""
        rng = self.scenario.rng
        noise = rng.randbytes(rng.choice([1, 40, 3_000]))
        payload = rng.choice([b"", b"|", noise, b"client-0:1", b"client-0:1|" + noise])
        id_ = self._new_id()
        self._open.append(id_)
        out.say(Submit(id_, rng.randrange(self.scenario.plan.levels), rng.random() < 0.5, 0.0, 50, 0, payload))

    def _flood(self, out: Stream) -> None:
        """More than its credits allow."""
        for _ in range(self.scenario.rng.choice([3, 30])):
            self._submit(out)

    def _use_an_id_again(self, out: Stream) -> None:
        """An id whose task is answered: that is no sin."""
        if self._answered:
            self._say_submit(out, self._answered.pop())

    def _use_an_id_in_use(self, out: Stream) -> None:
        """The second is for nobody, and must end the connection before it runs."""
        id_ = self._new_id()
        self._say_submit(out, id_)
        self._say_submit(out, id_)

    def _cancel(self, out: Stream) -> None:
        """What it has, what it had, and what it never sent."""
        known = [*self._open[:2], *self._answered[:2], 12345678]
        out.say(Cancel(self.scenario.rng.choice(known), self.scenario.rng.random() < 0.5))

    def _speak_for_others(self, out: Stream) -> None:
        out.say(self.scenario.rng.choice(NOT_FOR_CLIENTS))

    def _say_too_much(self, out: Stream) -> None:
        """A frame over the limit, with all its bytes: they are skipped, and it is answered."""
        size = self.scenario.cluster.settings.max_payload_bytes + 1
        out.say_bytes(self._header(size) + bytes(size))

    def _never_end(self, out: Stream) -> None:
        """A frame of which only the beginning comes: its place must not be kept for ever."""
        size = self.scenario.rng.choice([1_000, 80_000, 1 << 31])
        out.say_bytes(self._header(size) + bytes(500))
        self._mute = True

    def _fragment_wrongly(self, out: Stream) -> None:
        """Fragments of nothing, of more than is missing, of a frame that must come whole, and one frame in another."""
        opened = fragmented(self._header(WHOLE_BYTES + 1))
        wrong = [
            fragment_header(1),
            fragmented(self._header(WHOLE_BYTES)),
            opened + fragment_header(WHOLE_BYTES + 2),
            opened + opened,
        ]
        out.say_bytes(self.scenario.rng.choice(wrong))

    def _wait_impossibly(self, out: Stream) -> None:
        """A task that has waited for what is no time."""
        out.say_bytes(self._header(0, self.scenario.rng.choice([nan, inf, -1.0, 1e30])))

    def _header(self, size: int, waited_s: float = 0.0) -> bytes:
        return HEADER.pack(size, SUBMIT, 2, 0, self._new_id(), 0.0, waited_s, 50, 0)

    def _babble(self, out: Stream) -> None:
        out.say_bytes(self.scenario.rng.randbytes(self.scenario.rng.choice([1, 40, 3_000])))

    def _ask(self, out: Stream) -> None:
        """Answers that are much larger than their question."""
        for _ in range(self.scenario.rng.choice([1, 20])):
            out.say(StatusRequest())
            out.say(ExplainRequest(self._ids % 7, self._ids // 2))

    def _read_nothing(self, out: Stream) -> None:
        assert self.connection is not None
        self.connection.to_host.take(0)
