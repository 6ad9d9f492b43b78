"""Virtual nodes: the scheduling code of real ones around workers that only count seconds.

In: the messages of the cluster, and virtual time. Out: the messages of the node, and for each task when it began. It
must never decide which worker runs a task: that is the node's state machine.

A worker runs one task after the other. Each occupies it for its service time ÷ the node's speed, and a little longer
for unpacking and answering. No worker fails; only one whose task overruns its deadline is killed.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from typing import Final

from argon.planning.agenda import Agenda, Timer
from argon.planning.course import Course
from argon.planning.node_plan import NodePlan
from argon.protocol.ids import PeerId, WorkerId
from argon.protocol.messages import Entered, Message, Outcome, Status, Welcome
from argon.scheduling.effects import AssignWorker, Kill, NodeEffect, Recall, Send, Spawn
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.worker_slot import Recalled, WorkerExit
from argon.settings import NodeSettings

WORKER_START_S: Final = 0.1
"""How long a worker takes from its start until it is ready, where another was killed."""

_SIGTERM: Final = 15


def node_name(peer: PeerId) -> str:
    """The name of the node behind this peer."""
    return f"node-{peer}"


class _VirtualWorker:
    """One worker: tasks it was assigned and has not started, and the one it runs."""

    __slots__ = ("began_s", "entered", "inbox", "running")

    def __init__(self) -> None:
        self.inbox: deque[AssignWorker] = deque()
        self.running: AssignWorker | None = None
        self.entered = 0
        self.began_s = 0.0


class VirtualNode:
    """A node and its workers.

    Args:
        peer: its number in the cluster.
        service_s: how long each task takes on a worker of speed 1, by the number that is its payload.
        overhead_s: how long each task occupies its worker beyond that.
        send: takes the messages that the node sends.
    """

    def __init__(
        self,
        peer: PeerId,
        plan: NodePlan,
        *,
        service_s: array[float],
        overhead_s: float,
        course: Course,
        agenda: Agenda,
        send: Callable[[PeerId, list[Message]], None],
    ) -> None:
        self.peer = peer
        self.plan = plan
        self.state = NodeState(NodeSettings(node_name(peer), 1, plan.workers))
        self._service_s = service_s
        self._overhead_s = overhead_s
        self._course = course
        self._agenda = agenda
        self._send = send
        self._workers: dict[WorkerId, _VirtualWorker] = {}
        self._timer = Timer(agenda, self.state.next_deadline, self._tick)

    def start(self, welcome: Welcome, now: float) -> list[Message]:
        """Starts its workers, and takes the cluster's welcome; returns its first messages."""
        for spawn in self.state.start():
            assert isinstance(spawn, Spawn)
            self._workers[spawn.worker] = _VirtualWorker()
            self.state.worker_ready(spawn.worker, now)
        effects = self.state.connected(welcome.session, welcome, now)
        self._timer.set()
        return [effect.message for effect in effects if isinstance(effect, Send)]

    def receive(self, messages: list[Message]) -> None:
        """Takes messages of the cluster."""
        self._perform(self.state.received(self.peer, messages, self._agenda.now))

    def _tick(self) -> None:
        self._perform(self.state.tick(self._agenda.now))

    def _perform(self, effects: list[NodeEffect]) -> None:
        sent: list[Message] = []
        for effect in effects:  # it grows: a recall is answered at once
            if isinstance(effect, Send):
                sent.append(effect.message)
            elif isinstance(effect, AssignWorker):
                self._assign(effect)
            elif isinstance(effect, Recall):
                effects += self._recall(effect.worker)
            elif isinstance(effect, Kill):
                self._agenda.at(self._agenda.now, self._die, effect.worker)
            elif isinstance(effect, Spawn):
                self._agenda.at(self._agenda.now + WORKER_START_S, self._ready, effect.worker)
            else:
                raise AssertionError(f"a virtual node cannot do {effect}")
        if sent:
            self._send(self.peer, sent)
        self._timer.set()

    # ---- workers ------------------------------------------------------------------------------------------------

    def _assign(self, assign: AssignWorker) -> None:
        worker = self._workers[assign.worker]
        if worker.running is None:
            self._begin(worker, assign)
        else:
            worker.inbox.append(assign)

    def _begin(self, worker: _VirtualWorker, assign: AssignWorker) -> None:
        now = self._agenda.now
        assert isinstance(assign.payload, bytes)
        task = int.from_bytes(assign.payload, "little")
        run_s = self._service_s[task] / self.plan.speed_at(now)
        worker.running, worker.entered, worker.began_s = assign, assign.local_task_id, now
        self._course.began_s[task] = now
        self._agenda.at(now + run_s + self._overhead_s, self._finish, worker, assign, run_s)

    def _finish(self, worker: _VirtualWorker, assign: AssignWorker, run_s: float) -> None:
        if worker.running is not assign:  # it was killed meanwhile
            return
        now = self._agenda.now
        self._course.busy_s += now - worker.began_s
        worker.running = None
        if worker.inbox:
            self._begin(worker, worker.inbox.popleft())
        outcome = Outcome(assign.local_task_id, Status.COMPLETED, Entered.YES, run_s=run_s)
        self._perform(self.state.worker_answered(assign.worker, [outcome], now))

    def _recall(self, number: WorkerId) -> list[NodeEffect]:
        worker = self._workers[number]
        unstarted = [assign.local_task_id for assign in worker.inbox]
        worker.inbox.clear()
        return self.state.worker_recalled(Recalled(number, unstarted, [], worker.entered), self._agenda.now)

    def _die(self, number: WorkerId) -> None:
        worker = self._workers.pop(number, None)
        if worker is not None:
            if worker.running is not None:
                self._course.busy_s += self._agenda.now - worker.began_s
                worker.running = None
            exit_ = WorkerExit(
                number, signal=_SIGTERM, exit_code=0, unstarted=[], outcomes=[], entered=worker.entered, wanted=True
            )
            self._perform(self.state.worker_ended(exit_, self._agenda.now))

    def _ready(self, number: WorkerId) -> None:
        self._workers[number] = _VirtualWorker()
        self._perform(self.state.worker_ready(number, self._agenda.now))
