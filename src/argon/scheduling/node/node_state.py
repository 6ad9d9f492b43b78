"""The corridor of a node: what happens to tasks when they come, when workers answer or end, and when the cluster goes.

In: what the cluster says, what workers answer, that they start and end, and when. Out: effects, in order. It must
never do I/O, read a clock, or look into a payload.

Tasks wait in one buffer for the whole node, so that whichever worker frees first takes the next; what no worker takes
for ``GIVE_BACK_AFTER_S`` came by a wrong prediction, and goes back to the cluster. Before a worker is killed its other
tasks are recalled, so that only the one it is running is affected.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import inf
from typing import Final, TypeAlias

from argon.protocol.codec import encode_diagnosis
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.ids import PeerId
from argon.protocol.messages import (
    Assign,
    Cancel,
    Drain,
    Entered,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Status,
    Welcome,
)
from argon.scheduling.effects import Close, Give, Kill, NodeEffect, Recall, Retire, Send, Spawn, Stop
from argon.scheduling.liveness import Liveness
from argon.scheduling.load import Runs, ServiceTimes
from argon.scheduling.node.capacity_report import CapacityReport
from argon.scheduling.node.node_buffer import NodeBuffer
from argon.scheduling.node.node_task import ENDED, NodeTask
from argon.scheduling.node.workers import Slot, WorkerEnd, Workers
from argon.settings import NodeSettings

Effects: TypeAlias = list[NodeEffect]
RESPAWN_MAX_S: Final = 5.0
GIVE_BACK_AFTER_S: Final = 0.05


class NodeState:
    """Decides for a node. One call for each thing that happens; each returns the effects to perform, in order."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._cluster: PeerId | None = None
        self._liveness = Liveness()
        self._times = ServiceTimes()
        self._workers = Workers(settings.workers, settings.max_requests)
        self._tasks: dict[int, NodeTask] = {}
        self._buffer = NodeBuffer()
        self._give_back_at = inf
        self._deadlines: list[tuple[float, int, NodeTask]] = []
        self._sequence = 0
        self._crashes = 0
        self._respawns: list[float] = []
        self._report = CapacityReport()
        self._draining = False
        self._drain_heard = False
        self._drain_until = inf
        self._stopped = False

    # ---- what happens -------------------------------------------------------------------------------------------

    def start(self) -> Effects:
        """The node begins: its workers are started, with a spare one when they are to be recycled."""
        spare = 1 if self._settings.max_requests is not None else 0
        return [Spawn(self._workers.add()) for _ in range(self._settings.workers + spare)]

    def connected(self, peer: PeerId, welcome: Welcome, now: float) -> Effects:
        """The cluster has welcomed this node."""
        self._cluster = peer
        self._liveness = Liveness(welcome.heartbeat_s, welcome.dead_after_s)
        self._liveness.join(peer, now)
        self._report.forget()
        self._drain_heard = False
        effects: list[NodeEffect] = [Send(peer, Register(self._settings.name, self._settings.incarnation))]
        if self._draining:
            effects.append(Send(peer, Drain()))
        self._tell_capacity(effects)
        return effects

    def received(self, peer: PeerId, messages: list[Message], now: float) -> Effects:
        """The cluster has said these things, all read at once."""
        effects: Effects = []
        if peer != self._cluster:
            return effects
        self._liveness.heard(peer, now)
        for message in messages:
            if type(message) is Assign:
                self._assign(peer, message, now, effects)
                continue
            match message:
                case Cancel():
                    self._cancel(message.id, effects)
                case Heartbeat():
                    pass
                case Drain():
                    self._drain_heard = True
                    self._stop_when_drained(effects)
                case Goodbye():
                    effects.append(Close(peer, message.reason))
                case _:
                    effects.append(Close(peer, f"a cluster may not say {type(message).__name__} to a node"))
        self._give(now, effects)
        return effects

    def lost(self, peer: PeerId, now: float) -> Effects:
        """The cluster is gone: nobody waits for these tasks any more, so they are dropped, the running ones ended."""
        effects: Effects = []
        if peer != self._cluster:
            return effects
        self._cluster = None
        self._liveness.leave(peer)
        self._buffer.clear()
        for task in self._tasks.values():
            task.orphan = True
            if task.worker:
                self._doom(task, Status.LOST, effects)
        self._tasks.clear()
        self._stop_when_drained(effects)
        return effects

    def worker_ready(self, worker: int, now: float) -> Effects:
        """A worker process is up."""
        effects: Effects = []
        slot = self._workers.get(worker)
        if slot is not None and not slot.ready:
            slot.ready = True
            self._workers.rest(slot)
            self._tell_capacity(effects)
            self._give(now, effects)
        return effects

    def worker_answered(self, worker: int, outcomes: list[Outcome], now: float) -> Effects:
        """A worker has finished tasks."""
        effects: Effects = []
        slot = self._workers.get(worker)
        if slot is not None:
            slot.progress_at = now
            slot.recalled = False
            self._take_outcomes(slot, outcomes, now, effects)
            self._rest(slot, effects)
        self._give(now, effects)
        return effects

    def worker_recalled(
        self, worker: int, unstarted: list[int], outcomes: list[Outcome], entered: int, now: float
    ) -> Effects:
        """What a Recall brought back: tasks never begun, and outcomes that the worker had not got round to sending.

        ``entered`` is the task whose function the worker entered last.
        """
        effects: Effects = []
        slot = self._workers.get(worker)
        if slot is not None:
            slot.recalled = True
            self._take_outcomes(slot, outcomes, now, effects)
            self._take_back(slot, unstarted, effects)
            if any(task.doom is not None for task in slot.tasks.values()):
                # It has been begun, so all that was given before it is done, even where that was not read yet.
                self._kill(slot, entered, now, effects)
            self._rest(slot, effects)
        self._give(now, effects)
        return effects

    def worker_ended(self, end: WorkerEnd, outcomes: list[Outcome], now: float) -> Effects:
        """A worker process is gone. What it had finished counts, what it never began goes to others."""
        effects: Effects = []
        slot = self._workers.get(end.worker)
        if slot is None:
            return effects
        self._take_outcomes(slot, outcomes, now, effects)
        self._take_back(slot, end.unstarted, effects)
        self._workers.remove(slot)
        self._tell_capacity(effects)
        for task in slot.tasks.values():
            self._worker_died(slot, task, end, now, effects)
        self._replace(slot, now, effects)
        self._give(now, effects)
        return effects

    def pressed(self, pressure: float) -> Effects:
        """The machine was looked at, and is so busy, from 0 to 1."""
        effects: Effects = []
        self._report.pressure = pressure
        self._tell_capacity(effects)
        return effects

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        effects: Effects = []
        while self._deadlines and self._deadlines[0][0] <= now:
            task = heappop(self._deadlines)[2]
            if self._tasks.get(task.id) is task and task.doom is None:
                self._end_early(task, Status.EXPIRED, effects)
        if self._give_back_at <= now:
            for task in self._buffer.clear():
                self._answer(task, Status.LOST, Entered.NO, "no worker of its node was free for it", effects)
        while self._respawns and self._respawns[0] <= now:
            heappop(self._respawns)
            effects.append(Spawn(self._workers.add()))
        for slot in self._workers.all():
            if slot.kill_at <= now:
                slot.kill_at = inf
                effects.append(Kill(slot.worker, True))
            if slot.recall_at() <= now:
                effects.append(_recall(slot))
        alive, silent = self._liveness.beat(now)
        effects += [Send(peer, Heartbeat()) for peer in alive]
        effects += [
            Close(peer, f"nothing was heard from the cluster for {self._liveness.dead_after_s:g} s") for peer in silent
        ]
        if now >= self._drain_until:
            self._drain_until = inf
            self._drain_heard = True
            for task in list(self._tasks.values()):
                if task.doom is None:
                    self._end_early(task, Status.LOST, effects)
            self._stop_when_drained(effects)
        self._give(now, effects)
        return effects

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(min(self._liveness.next_deadline(), self._drain_until), self._workers.next_deadline())
        moment = min(moment, self._give_back_at)
        if self._deadlines:
            moment = min(moment, self._deadlines[0][0])
        if self._respawns:
            moment = min(moment, self._respawns[0])
        return None if moment == inf else moment

    def drain(self, now: float, timeout_s: float) -> Effects:
        """Take nothing new, give back what was not begun, finish what runs within ``timeout_s``, then leave.

        It leaves when the cluster has said Drain too: until then a task may be on its way here.
        """
        self._draining = True
        self._drain_heard = False
        self._drain_until = now + timeout_s
        effects: Effects = []
        if self._cluster is not None:
            effects.append(Send(self._cluster, Drain()))
        for task in self._buffer.clear():
            self._answer(task, Status.LOST, Entered.NO, "the node is draining", effects)
        effects += [Recall(slot.worker) for slot in self._workers.all() if len(slot.tasks) > 1]
        self._stop_when_drained(effects)
        return effects

    def ready_workers(self) -> int:
        """How many tasks can run at a time now."""
        return self._workers.capacity()

    # ---- tasks --------------------------------------------------------------------------------------------------

    def _assign(self, cluster: PeerId, m: Assign, now: float, effects: Effects) -> None:
        if m.id in self._tasks:
            effects.append(Close(cluster, f"task id {m.id} is already here"))
            return
        self._sequence += 1
        deadline = now + m.timeout_s if m.timeout_s else inf
        task = NodeTask(m.id, m.attempt, self._sequence, m, deadline, predicted_s=self._times.of(m.kind) or 0.0)
        self._tasks[m.id] = task
        m.id = self._sequence
        if self._draining:
            self._answer(task, Status.LOST, Entered.NO, "the node is draining", effects)
            return
        if m.timeout_s:
            heappush(self._deadlines, (task.deadline, task.sequence, task))
            if len(self._deadlines) > 2 * len(self._tasks) + 64:
                self._deadlines = [entry for entry in self._deadlines if self._tasks.get(entry[2].id) is entry[2]]
                heapify(self._deadlines)
        slot = None if self._buffer.length else self._workers.next_for(task)
        if slot is None:
            self._buffer.push(task)
        else:
            self._workers.give(slot, task, now)
            effects.append(Give(slot.worker, m, not task.is_short()))

    def _give(self, now: float, effects: Effects) -> None:
        """Hands waiting tasks to workers, most urgent first. Where none waits, a free worker relieves another."""
        while (task := self._buffer.peek()) is not None:
            slot = self._workers.next_for(task)
            if slot is None:
                self._give_back_at = min(self._give_back_at, now + GIVE_BACK_AFTER_S)
                return
            self._buffer.remove(task)
            self._give_back_at = inf
            self._workers.give(slot, task, now)
            effects.append(Give(slot.worker, task.assign, not task.is_short()))
        self._give_back_at = inf
        laden = self._workers.laden()
        if laden is not None:
            effects.append(_recall(laden))

    def _cancel(self, id_: int, effects: Effects) -> None:
        task = self._tasks.get(id_)
        if task is not None and task.doom is None:
            self._end_early(task, Status.CANCELLED, effects)

    def _end_early(self, task: NodeTask, status: int, effects: Effects) -> None:
        """Cancels, expires or gives up a task, wherever it is on this node."""
        if task.worker:
            self._doom(task, status, effects)
            return
        self._buffer.remove(task)
        self._answer(task, status, Entered.NO, "it was ended before it began", effects)

    def _doom(self, task: NodeTask, status: int, effects: Effects) -> None:
        """Marks a given task for its end; the recall then tells whether it was begun, finished, or neither."""
        task.doom = status
        slot = self._workers.get(task.worker)
        assert slot is not None
        effects.append(_recall(slot))

    def _take_outcomes(self, slot: Slot, outcomes: list[Outcome], now: float, effects: Effects) -> None:
        kind, runs = -1, Runs()
        for outcome in outcomes:
            task = self._workers.take(slot, outcome.id)
            if task is None:
                continue
            slot.served += 1
            if outcome.status == Status.COMPLETED:
                if task.assign.kind != kind:
                    self._learn(kind, runs, now)
                    kind, runs = task.assign.kind, Runs()
                runs.note(outcome.run_s)
            if not task.orphan:
                outcome.id, outcome.attempt = task.id, task.attempt
                self._send(task, outcome, effects)
        self._learn(kind, runs, now)

    def _learn(self, kind: int, runs: Runs, now: float) -> None:
        """Takes what tasks of one kind, answered one after the other, took together."""
        if runs.count:
            self._times.add(kind, runs, now)
            self._crashes = 0

    def _take_back(self, slot: Slot, unstarted: list[int], effects: Effects) -> None:
        for sequence in unstarted:
            task = self._workers.take(slot, sequence)
            if task is None:
                continue
            if task.doom is not None or self._draining:
                self._answer(task, task.doom or Status.LOST, Entered.NO, "it was ended before it began", effects)
            else:
                self._buffer.push(task)

    def _worker_died(self, slot: Slot, task: NodeTask, end: WorkerEnd, now: float, effects: Effects) -> None:
        entered = Entered.YES if task.sequence == end.entered else Entered.NO
        run_s = max(0.0, now - slot.progress_at) if entered else 0.0
        if task.doom is not None or task.orphan:
            self._answer(task, task.doom or Status.LOST, entered, "it was ended in its worker", effects, run_s)
            return
        diagnosis = Diagnosis(end.reason, self._settings.name, end.signal, end.exit_code, end.oom)
        outcome = Outcome(task.id, Status.FAILED, entered, task.attempt, run_s, failure_kind=FailureKind.WORKER_DIED)
        outcome.payload = encode_diagnosis(diagnosis)
        self._send(task, outcome, effects)

    def _answer(
        self, task: NodeTask, status: int, entered: int, reason: str, effects: Effects, run_s: float = 0.0
    ) -> None:
        """Answers a task in the node's own words; orphans have nobody to answer to."""
        if not task.orphan:
            diagnosis = encode_diagnosis(Diagnosis(reason, self._settings.name))
            self._send(task, Outcome(task.id, status, entered, task.attempt, run_s, payload=diagnosis), effects)

    def _send(self, task: NodeTask, outcome: Outcome, effects: Effects) -> None:
        assert self._cluster is not None
        self._tasks.pop(task.id).assign = ENDED  # lest its husk in a heap keep a payload until its deadline
        effects.append(Send(self._cluster, outcome))
        if self._draining:
            self._stop_when_drained(effects)

    # ---- workers ------------------------------------------------------------------------------------------------

    def _rest(self, slot: Slot, effects: Effects) -> None:
        if self._workers.rest(slot):
            effects.append(Retire(slot.worker))
            effects.append(Spawn(self._workers.add()))
            self._tell_capacity(effects)

    def _kill(self, slot: Slot, entered: int, now: float, effects: Effects) -> None:
        """Ends a worker that has a doomed task, and starts another in its place.

        The answer leaves at once, and the place is taken at once: a task that ignores SIGTERM holds up nobody. Only
        where the function was not entered yet must the answer wait until it is certain that it never will be.
        """
        if not slot.dying:
            self._workers.condemn(slot, now + self._settings.kill_after_s)
            self._tell_capacity(effects)
            effects.append(Kill(slot.worker, False))
            if not self._stopped:
                effects.append(Spawn(self._workers.add()))
        for task in list(slot.tasks.values()):
            if task.doom is not None and task.sequence == entered:
                self._workers.take(slot, task.sequence)
                run_s = max(0.0, now - slot.progress_at)
                self._answer(task, task.doom, Entered.YES, "it was ended in its worker", effects, run_s)

    def _replace(self, slot: Slot, now: float, effects: Effects) -> None:
        """The place of a dead worker is filled at once, unless workers keep dying without finishing anything."""
        if slot.leaving or slot.dying or self._stopped:
            return  # another was started when it was told to go
        self._crashes += 1
        excess = self._crashes - 2 * self._settings.workers
        if excess <= 0:
            effects.append(Spawn(self._workers.add()))
        else:
            heappush(self._respawns, now + min(RESPAWN_MAX_S, 0.05 * 2.0 ** min(excess, 10)))

    def _tell_capacity(self, effects: Effects) -> None:
        if self._cluster is not None and self._report.is_due(self._workers.capacity()):
            effects.append(Send(self._cluster, self._report.made()))

    def _stop_when_drained(self, effects: Effects) -> None:
        if not self._draining or self._tasks or self._stopped:
            return
        if self._cluster is not None and not self._drain_heard:
            return
        self._stopped = True
        if self._cluster is not None:
            effects.append(Close(self._cluster, "the node has drained"))
        effects.append(Stop())

    def check(self) -> None:
        """Asserts the invariants. Called after every step in tests, never in production."""
        slots = self._workers.all()
        given = [task for slot in slots for task in slot.tasks.values() if not task.orphan]
        waiting = self._buffer.waiting()
        assert len(given) + len(waiting) == len(self._tasks), "a task is in no room, or in two"
        assert len(waiting) == self._buffer.length, "the buffer's count is off"
        assert all(task.worker == slot.worker for slot in slots for task in slot.tasks.values())
        assert not (waiting and self._workers.has_free()), "a task waits while a worker is free"


def _recall(slot: Slot) -> Recall:
    slot.recalled = True
    return Recall(slot.worker)
