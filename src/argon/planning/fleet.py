"""Virtual nodes: the scheduling code of real ones around workers that only count seconds.

In: what the cluster says, and virtual time. Out: what the node says, and for each task when it began. A worker runs
what it is given one after the other; each task occupies it for its service time ÷ the node's speed, and a little for
unpacking and answering. Nothing here fails: only a task that overruns its deadline takes its worker with it.
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from argon.planning.agenda import Agenda, Timer
from argon.protocol.messages import Assign, Entered, Message, Outcome, Status, Welcome
from argon.scheduling.effects import Give, Kill, NodeEffect, Recall, Send, Spawn
from argon.scheduling.node_state import NodeState
from argon.scheduling.workers import WorkerEnd
from argon.settings import MAX_WORKERS, NodeSettings

MAX_NODES: Final = 100_000
WORKER_START_S: Final = 0.1
"""How long a worker takes from its start until it is ready, where another was killed."""

_SPEED_MIN, _SPEED_MAX = 1e-3, 1e3
_SIGTERM: Final = 15
_NODE_TEXT: Final = re.compile(
    r"(?:(?P<count>\d{1,6})x)?(?P<workers>\d{1,4})(?:@(?P<speed>[\d.]{1,12})(?::(?P<later>[\d.]{1,12})@(?P<at>[\d.]{1,12}))?)?"
)


@dataclass(frozen=True)
class NodePlan:
    """One node: its workers, how fast they are, and from when on they are otherwise."""

    workers: int
    speed: float = 1.0
    later_speed: float = 1.0
    turns_at_s: float = inf

    def speed_at(self, moment: float) -> float:
        """How many seconds of service time a worker does in one second."""
        return self.speed if moment < self.turns_at_s else self.later_speed


def capacity_per_s(fleet: Sequence[NodePlan], mean_s: float, overhead_s: float) -> float:
    """How many tasks of this mean service time a fleet can finish in a second, as long as no node turns."""
    return sum(plan.workers / (mean_s / plan.speed + overhead_s) for plan in fleet)


def parse_nodes(text: str) -> list[NodePlan]:
    """Reads ``[COUNTx]WORKERS[@SPEED[:LATER@SECONDS]]``.

    >>> parse_nodes("2x8@0.5") == [NodePlan(8, 0.5), NodePlan(8, 0.5)]
    True
    """
    found = _NODE_TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            "want [COUNTx]WORKERS[@SPEED[:LATER@SECONDS]], such as 8, 100x8@0.5, or 8@1:0.1@30 for a node that is ten "
            f"times slower from second 30 on; got {text!r}"
        )
    count, workers = int(found["count"] or 1), int(found["workers"])
    if not 1 <= count <= MAX_NODES or not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"there are 1 to {MAX_NODES:,} nodes of 1 to {MAX_WORKERS:,} workers, not {text!r}")
    plan = NodePlan(workers, _speed(found["speed"], text))
    if found["at"]:
        plan = replace(plan, later_speed=_speed(found["later"], text), turns_at_s=_number(found["at"], text))
    return [plan] * count


def node_name(peer: int) -> str:
    """What the node behind this peer calls itself."""
    return f"node-{peer}"


def _speed(text: str | None, whole: str) -> float:
    speed = 1.0 if text is None else _number(text, whole)
    if not _SPEED_MIN <= speed <= _SPEED_MAX:
        raise ValueError(f"a speed is a number from {_SPEED_MIN:g} to {_SPEED_MAX:g}, not {text} in {whole!r}")
    return speed


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} in {whole!r} is no number") from None


class Course:
    """What happens to each task of a workload: when a worker began it, when its caller was answered, and how.

    ``busy_s`` is the time of all workers together.
    """

    def __init__(self, tasks: int) -> None:
        self.began_s = array("d", [inf]) * tasks
        self.ended_s = array("d", [inf]) * tasks
        self.status = array("b", [-1]) * tasks
        self.answered = 0
        self.busy_s = 0.0

    def answer(self, task: int, status: int, now: float) -> None:
        """The caller has its answer."""
        self.ended_s[task] = now
        self.status[task] = status
        self.answered += 1


class _VirtualWorker:
    """One worker: tasks it was given and has not begun, and the one it runs."""

    __slots__ = ("began_s", "entered", "inbox", "running")

    def __init__(self) -> None:
        self.inbox: deque[Assign] = deque()
        self.running: Assign | None = None
        self.entered = 0
        self.began_s = 0.0


class VirtualNode:
    """A node.

    Args:
        peer: what the cluster calls it.
        service_s: how long each task takes on a worker of speed 1, by the number that is its payload.
        overhead_s: how long each task occupies its worker beyond that.
        say: takes what the node says.
    """

    def __init__(
        self,
        peer: int,
        plan: NodePlan,
        service_s: array[float],
        overhead_s: float,
        course: Course,
        agenda: Agenda,
        say: Callable[[int, list[Message]], None],
    ) -> None:
        self.peer = peer
        self.plan = plan
        self.state = NodeState(NodeSettings(node_name(peer), 1, plan.workers))
        self._service_s = service_s
        self._overhead_s = overhead_s
        self._course = course
        self._agenda = agenda
        self._say = say
        self._workers: dict[int, _VirtualWorker] = {}
        self._timer = Timer(agenda, self.state.next_deadline, self._ring)

    def start(self, welcome: Welcome, now: float) -> list[Message]:
        """Its workers are up, and the cluster has welcomed it; returns what it says first."""
        for spawn in self.state.start():
            assert isinstance(spawn, Spawn)
            self._workers[spawn.worker] = _VirtualWorker()
            self.state.worker_ready(spawn.worker, now)
        effects = self.state.connected(welcome.session, welcome, now)
        self._timer.set()
        return [effect.message for effect in effects if isinstance(effect, Send)]

    def hears(self, messages: list[Message]) -> None:
        """The cluster has said these things."""
        self._perform(self.state.received(self.peer, messages, self._agenda.now))

    def _ring(self) -> None:
        self._perform(self.state.tick(self._agenda.now))

    def _perform(self, effects: list[NodeEffect]) -> None:
        said: list[Message] = []
        for effect in effects:  # it grows: a recall is answered at once
            if isinstance(effect, Send):
                said.append(effect.message)
            elif isinstance(effect, Give):
                self._give(effect.worker, effect.assign)
            elif isinstance(effect, Recall):
                effects += self._recall(effect.worker)
            elif isinstance(effect, Kill):
                self._agenda.at(self._agenda.now, self._die, effect.worker)
            elif isinstance(effect, Spawn):
                self._agenda.at(self._agenda.now + WORKER_START_S, self._ready, effect.worker)
            else:
                raise AssertionError(f"a virtual node cannot do {effect}")
        if said:
            self._say(self.peer, said)
        self._timer.set()

    # ---- workers ------------------------------------------------------------------------------------------------

    def _give(self, number: int, assign: Assign) -> None:
        worker = self._workers[number]
        if worker.running is None:
            self._begin(number, worker, assign)
        else:
            worker.inbox.append(assign)

    def _begin(self, number: int, worker: _VirtualWorker, assign: Assign) -> None:
        now = self._agenda.now
        assert isinstance(assign.payload, bytes)
        task = int.from_bytes(assign.payload, "little")
        run_s = self._service_s[task] / self.plan.speed_at(now)
        worker.running, worker.entered, worker.began_s = assign, assign.id, now
        self._course.began_s[task] = now
        self._agenda.at(now + run_s + self._overhead_s, self._finish, number, worker, assign, run_s)

    def _finish(self, number: int, worker: _VirtualWorker, assign: Assign, run_s: float) -> None:
        if worker.running is not assign:  # it was killed meanwhile
            return
        now = self._agenda.now
        self._course.busy_s += now - worker.began_s
        worker.running = None
        if worker.inbox:
            self._begin(number, worker, worker.inbox.popleft())
        outcome = Outcome(assign.id, Status.COMPLETED, Entered.YES, run_s=run_s)
        self._perform(self.state.worker_answered(number, [outcome], now))

    def _recall(self, number: int) -> list[NodeEffect]:
        worker = self._workers[number]
        unstarted = [assign.id for assign in worker.inbox]
        worker.inbox.clear()
        return self.state.worker_recalled(number, unstarted, [], worker.entered, self._agenda.now)

    def _die(self, number: int) -> None:
        worker = self._workers.pop(number, None)
        if worker is not None:
            self._course.busy_s += self._agenda.now - worker.began_s
            worker.running = None
            end = WorkerEnd(number, _SIGTERM, 0, False, "it was killed", [], worker.entered)
            self._perform(self.state.worker_ended(end, [], self._agenda.now))

    def _ready(self, number: int) -> None:
        self._workers[number] = _VirtualWorker()
        self._perform(self.state.worker_ready(number, self._agenda.now))
