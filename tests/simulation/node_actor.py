"""A node process of a simulation and its workers: a thin shell around the real NodeState."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from argon.protocol.handshake import Role
from argon.scheduling.effects import AssignWorker, Close, Kill, Recall, Retire, Send, Spawn, Stop
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import Recalled, WorkerExit
from argon.settings import NodeSettings
from tests.simulation.host_actor import HostActor
from tests.simulation.worker import SimulatedWorker

if TYPE_CHECKING:
    from tests.simulation.scenario import Scenario


class NodeActor(HostActor):
    """A node process and its workers."""

    role = Role.NODE

    def __init__(self, scenario: Scenario, name: str, workers: int, max_requests: int | None) -> None:
        super().__init__(scenario, name)
        self._count = workers
        self._max_requests = max_requests
        self.incarnation = 0
        self._leave_until = 0.0
        self.draining = False
        self.workers: dict[int, SimulatedWorker] = {}

    def start(self) -> None:
        self.wind_clock()
        self.incarnation = self.scenario.rng.randrange(1 << 60)
        settings = NodeSettings(self.name, self.incarnation, self._count, self._max_requests, kill_after_s=0.3)
        self.state = NodeState(settings)
        self.scenario.saw("node_started", self)
        self.up = True
        self.draining = False
        self.perform(self.state.start())
        self.dial()

    def kill(self) -> None:
        super().kill()
        self._end_workers()

    def drain(self, timeout_s: float) -> None:
        if self.up:
            self.draining = True
            self._leave_until = self.now() + timeout_s
            self.perform(self.state.drain(self.now(), timeout_s))

    def worker_ready(self, number: int) -> None:
        if self.soon(self.worker_ready, number) and number in self.workers:
            self.perform(self.state.worker_ready(number, self.now()))

    def worker_answered(self, worker: SimulatedWorker) -> None:
        if self.soon(self.worker_answered, worker) and worker.unread and self.workers.get(worker.number) is worker:
            outcomes, worker.unread = worker.unread, []
            self.perform(self.state.worker_answered(worker.number, outcomes, self.now()))
            if self.up:
                self.perform(self.state.pressed(self.now() % 1.0))

    def worker_ended(self, worker: SimulatedWorker, signal: int, exit_code: int) -> None:
        if self.soon(self.worker_ended, worker, signal, exit_code) and self.workers.get(worker.number) is worker:
            del self.workers[worker.number]
            unstarted, outcomes = worker.recall()
            exit_ = WorkerExit(
                worker.number,
                signal=signal,
                exit_code=exit_code,
                unstarted=unstarted,
                outcomes=outcomes,
                entered=worker.entered,
                reason="it ended",
            )
            self.perform(self.state.worker_ended(exit_, self.now()))

    def perform(self, effects: Iterable[object]) -> None:
        self.state.check()
        left = deque(effects)
        self.scenario.saw("node_decided", self, left)
        reason, stopped = None, False
        while left:
            match left.popleft():
                case Send(message=message):
                    self.say(message)
                case Recall(worker=number):
                    left.extend(self._recall(number))
                case Close(reason=why):
                    reason = why
                case Stop():
                    stopped = True
                case effect:
                    self._manage(effect)
        self.flush()
        if stopped:
            self._stop()
        elif reason is not None:
            self.close(reason)
        if self.up:
            self.arm(self.state.next_deadline())

    def _manage(self, effect: object) -> None:
        match effect:
            case AssignWorker(worker=number):
                self.workers[number].assign(effect)
            case Kill(worker=number, forced=forced):
                if number in self.workers:
                    self.workers[number].kill(forced)
            case Retire(worker=number):
                self.workers[number].retire()
            case Spawn(worker=number):
                self.workers[number] = SimulatedWorker(self, number)
            case _:
                raise AssertionError(f"a node cannot do {effect}")

    def _recall(self, number: int) -> Iterable[object]:
        worker = self.workers.get(number)
        unstarted, outcomes = worker.recall() if worker else ([], [])
        entered = worker.entered if worker else 0
        effects = self.state.worker_recalled(Recalled(number, unstarted, outcomes, entered), self.now())
        self.state.check()
        self.scenario.saw("node_decided", self, effects)
        return effects

    def _stop(self) -> None:
        self.ends()
        self._end_workers()
        self.scenario.saw("node_stopped", self)
        self.scenario.comes_back(self)
        if self.connection is not None:
            self.connection.left_in_time = self.now() < self._leave_until
            self.leave(self.connection, "drained")
            self.connection = None

    def _end_workers(self) -> None:
        for worker in self.workers.values():
            worker.alive = False
        self.workers.clear()
