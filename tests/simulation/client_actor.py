"""A client process of a simulation and its callers: a thin shell around the real ClientState."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from random import Random
from typing import TYPE_CHECKING

from argon.protocol.messages import Message, Submit, Welcome
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.effects import CancelTooLate, Close, Send, Settle
from argon.scheduling.task_options import TaskOptions
from tests.simulation.host_actor import HostActor
from tests.simulation.tasks import SimulatedTask
from tests.support.client_invariants import check_client

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
        self._look()
        id_, effects = self.state.submit(kind, task.payload(), options, deadline, now)
        assert id_ == number
        self.perform(effects)
        return task

    def _look(self) -> None:
        """As the shell does: nothing more is sent on a connection that has ended while this process was busy."""
        if self.has_waiting(self.hears, self.connection, None):
            self.state.cut_off(self.session)

    def tick(self) -> None:
        self._look()
        super().tick()

    def connected(self, peer: int, welcome: Welcome, now: float) -> Iterable[object]:
        return self.state.connected(peer, welcome, now, self.has_waiting(self.hears, self.connection, None))

    def received(self, peer: int, messages: list[Message], now: float) -> Iterable[object]:
        self._look()
        return super().received(peer, messages, now)

    def lost(self, peer: int, now: float) -> Iterable[object]:
        assert self.lost_connection is not None
        unsent = set(self.lost_connection.to_cluster.unsent())
        self.scenario.saw("unsent", self, unsent)
        return self.state.lost(peer, now, unsent)

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
        check_client(self.state)
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
