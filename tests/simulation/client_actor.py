"""A client process of a simulation and its callers: a thin shell around the real ClientState."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from random import Random
from typing import TYPE_CHECKING

from argon.protocol.messages import Submit
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.effects import CancelTooLate, Close, Send, Settle
from argon.scheduling.task_options import TaskOptions
from tests.simulation.host_actor import HostActor
from tests.simulation.tasks import Errand

if TYPE_CHECKING:
    from tests.simulation.world import World


class ClientActor(HostActor):
    """A client process with callers."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.state = ClientState(Random(world.rng.random()))
        self.errands: dict[int, Errand] = {}
        self.closed = False

    def start(self) -> None:
        self.wind_clock()
        self.up = True
        self.dial()

    def submit(self, options: TaskOptions, kind: int, run_s: float, fate: str, stubborn: bool, padding: int) -> Errand:
        """A caller submits a task."""
        world = self.world
        now = self.now()
        deadline = inf if options.timeout_s is None else now + options.timeout_s
        number = len(self.errands) + 1
        tag = f"{self.name}:{number}"
        errand = Errand(tag, self.name, number, options, kind, self.moment(deadline), run_s, fate, stubborn, padding)
        errand.since = now
        self.errands[number] = world.ledger.errands[tag] = errand
        world.saw("submitted", self, errand)
        id_, effects = self.state.submit(kind, errand.payload(), options, deadline, now)
        assert id_ == number
        self.perform(effects)
        return errand

    def cancel(self, errand: Errand, queued_only: bool) -> None:
        """A caller cancels a task."""
        if self.up:
            errand.cancelled = True
            self.perform(self.state.cancel(errand.id, queued_only, self.now()))

    def end(self) -> None:
        """The client is closed by its program."""
        if self.up:
            self.closed = True
            self.perform(self.state.close())
            self.ends()
            if self.connection is not None:
                self.leave(self.connection, "closed")

    def kill(self) -> None:
        super().kill()
        for errand in self.errands.values():
            errand.abandoned = errand.abandoned or errand.outcome is None

    def perform(self, effects: Iterable[object]) -> None:
        self.state.check()
        reason = None
        for effect in effects:
            match effect:
                case Send(message=message):
                    if isinstance(message, Submit):
                        self.world.saw("client_sent", self, message)
                    self.say(message)
                case Settle(task=number, outcome=outcome):
                    self.world.saw("settled", self, self.errands[number], outcome)
                case CancelTooLate(task=number):
                    self.world.saw("cancel_too_late", self, self.errands[number])
                case Close():
                    reason = effect.reason
                case _:
                    raise AssertionError(f"a client cannot do {effect}")
        self.flush()
        if reason is not None:
            self.close(reason)
        if self.up:
            self.arm(self.state.next_deadline())
