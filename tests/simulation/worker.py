"""A worker process of a simulated node: it takes tasks one after the other, runs them, and answers a little later."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from argon.protocol.messages import Entered, Outcome, Status
from argon.scheduling.effects import AssignWorker
from tests.simulation.tasks import SimulatedTask

if TYPE_CHECKING:
    from tests.simulation.node_actor import NodeActor


class SimulatedWorker:
    """A worker process: an inbox of tasks not yet taken, the one that runs, outcomes not yet sent, and outcomes sent
    that its node has not read yet."""

    def __init__(self, node: NodeActor, number: int) -> None:
        self.node = node
        self.number = number
        self.inbox: deque[AssignWorker] = deque()
        self.running: AssignWorker | None = None
        self.entered = 0
        self.outbox: list[Outcome] = []
        self.unread: list[Outcome] = []
        self.alive = True
        self.retiring = False
        self.killed = False
        self._turn = 0
        self._flushing = False
        rng, agenda = node.scenario.rng, node.scenario.agenda
        if rng.random() < node.scenario.failed_starts:
            agenda.after(rng.uniform(0.01, 0.1), self.die, 0, 1)
        else:
            agenda.after(rng.uniform(0.01, 0.2), self._ready)

    def assign(self, assign: AssignWorker) -> None:
        """Puts a task into its inbox, where it lies untouched if the worker is dead and nobody has noticed."""
        self.inbox.append(assign)
        self._wake()

    def recall(self) -> tuple[list[int], list[Outcome]]:
        """What it has not started, and all that it has finished, sent or not; it may send the same once more."""
        unstarted, outcomes = [assign.local_task_id for assign in self.inbox], [*self.unread, *self.outbox]
        self.inbox.clear()
        self.unread = []
        if self.node.scenario.rng.random() < 0.7:
            self.outbox = []
        return unstarted, outcomes

    def kill(self, forced: bool) -> None:
        self.killed = True
        task = self.node.scenario.task_table.of(self.running.payload) if self.running else None
        if forced or task is None or not task.stubborn:
            self.node.scenario.agenda.after(self.node.scenario.rng.uniform(0.0, 0.01), self.die, 9 if forced else 15, 0)

    def retire(self) -> None:
        self.retiring = True
        self._wake()

    def die(self, signal: int, exit_code: int) -> None:
        if self.alive:
            self.alive = False
            self.node.worker_ended(self, signal, exit_code)

    def _ready(self) -> None:
        if self.alive:
            self.node.worker_ready(self.number)

    def _wake(self) -> None:
        self.node.scenario.agenda.after(self.node.scenario.rng.uniform(0.0, 0.0002), self._take)

    def _take(self) -> None:
        if not self.alive or self.running is not None:
            return
        if not self.inbox:
            if self.retiring:
                self.die(0, 0)
            return
        self.running = self.inbox.popleft()
        self.entered = self.running.local_task_id
        self._turn += 1
        task = self.node.scenario.entered(self.running, self.node)
        self.node.scenario.agenda.after(task.run_s, self._finish, self._turn, task)

    def _finish(self, turn: int, task: SimulatedTask) -> None:
        assign = self.running
        if not self.alive or assign is None or turn != self._turn:
            return
        if task.fate == "die":
            self.die(11, 0)
            return
        self.running = None
        status = Status.FAILED if task.fate == "raise" else Status.COMPLETED
        payload = f"{task.tag}={task.entered}".encode()
        self.outbox.append(
            Outcome(assign.local_task_id, status, Entered.YES, 0, task.run_s * self.node.rate, payload=payload)
        )
        if not self._flushing:
            self._flushing = True
            self.node.scenario.agenda.after(self.node.scenario.rng.uniform(0.0, 0.001), self._flush)
        self._take()

    def _flush(self) -> None:
        self._flushing = False
        if self.alive and self.outbox:
            self.unread += self.outbox
            self.outbox = []
            latency_s = self.node.scenario.rng.uniform(0.0, 0.0005)
            self.node.scenario.agenda.after(latency_s, self.node.worker_answered, self)
