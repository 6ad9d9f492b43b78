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
from tests.simulation.tasks import SimulatedTask

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario


class ClientActor(HostActor):
    """A client process with callers."""

    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self.state = ClientState(Random(scenario.rng.random()))
        self.tasks: dict[int, SimulatedTask] = {}
        self.closed = False

    def start(self) -> None:
        self.wind_clock()
        self.up = True
        self.dial()

    def submit(
        self, options: TaskOptions, kind: int, run_s: float, fate: str, stubborn: bool, padding: int
    ) -> SimulatedTask:
        """A caller submits a task."""
        scenario = self.scenario
        now = self.now()
        deadline = inf if options.timeout_s is None else now + options.timeout_s
        number = len(self.tasks) + 1
        tag = f"{self.name}:{number}"
        task = SimulatedTask(
            tag, self.name, number, options, kind, self.moment(deadline), run_s, fate, stubborn, padding
        )
        task.since = now
        self.tasks[number] = scenario.task_table.tasks[tag] = task
        scenario.saw("submitted", self, task)
        id_, effects = self.state.submit(kind, task.payload(), options, deadline, now)
        assert id_ == number
        self.perform(effects)
        return task

    def cancel(self, task: SimulatedTask, queued_only: bool) -> None:
        """A caller cancels a task."""
        if self.up:
            task.cancelled = True
            self.perform(self.state.cancel(task.id, queued_only, self.now()))

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
        for task in self.tasks.values():
            task.abandoned = task.abandoned or task.outcome is None

    def perform(self, effects: Iterable[object]) -> None:
        self.state.check()
        reason = None
        for effect in effects:
            match effect:
                case Send(message=message):
                    if isinstance(message, Submit):
                        self.scenario.saw("client_sent", self, message)
                    self.say(message)
                case Settle(task=number, answer=outcome):
                    self.scenario.saw("settled", self, self.tasks[number], outcome)
                case CancelTooLate(task=number):
                    self.scenario.saw("cancel_too_late", self, self.tasks[number])
                case Close():
                    reason = effect.reason
                case _:
                    raise AssertionError(f"a client cannot do {effect}")
        self.flush()
        if reason is not None:
            self.close(reason)
        if self.up:
            self.arm(self.state.next_deadline())
