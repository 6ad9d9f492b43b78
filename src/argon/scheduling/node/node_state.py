"""The state machine of a node: what happens when tasks come, workers answer or end, and the cluster goes.

In: messages of the cluster, what the pool reports of workers, and when. Out: effects, in order. It must never do I/O,
read a clock, or look into a payload.

Tasks wait in one buffer for the whole node, so that whichever worker frees first takes the next. When no worker has
taken any for ``RETURN_UNSTARTED_AFTER_S`` the prediction was wrong, and all of them return to the cluster. Before a
worker is killed its other tasks are recalled, so that only the one it is running is affected. A task that overruns its
timeout ends so: ``tick`` recalls its worker, ``worker_recalled`` sends SIGTERM, and ``tick`` SIGKILL later.

A task comes as an Assign under the cluster's number, goes to a worker as an AssignWorker under this node's own, and its
Outcome goes back under the cluster's (``_complete``). Neither message is written into.
"""

from __future__ import annotations

from math import inf
from typing import Final, TypeAlias

from argon.protocol.ids import LocalTaskId, PeerId, TaskId, WorkerId
from argon.protocol.messages import (
    Assign,
    Cancel,
    Drain,
    Entered,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Register,
    Status,
    Welcome,
)
from argon.scheduling.deadlines import Deadlines
from argon.scheduling.effects import AssignWorker, Close, Kill, NodeEffect, Recall, Retire, Send, Spawn, Stop
from argon.scheduling.liveness import Liveness
from argon.scheduling.load import Runs, ServiceTimes
from argon.scheduling.node.capacity_report import CapacityReport
from argon.scheduling.node.node_buffer import NodeBuffer
from argon.scheduling.node.node_task import NodeTask, NodeTaskState
from argon.scheduling.node.outcomes import answered, ended, worker_died
from argon.scheduling.node.respawns import Respawns
from argon.scheduling.node.worker_slot import Recalled, WorkerExit, WorkerSlot, WorkerState
from argon.scheduling.node.workers import Workers
from argon.settings import NodeSettings

Effects: TypeAlias = list[NodeEffect]
RETURN_UNSTARTED_AFTER_S: Final = 0.05


class NodeState:
    """Decides for a node. One call for each thing that happens; each returns the effects to perform, in order.

    ``liveness`` is for the shell, which says when the cluster's silence means nothing.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._cluster: PeerId | None = None
        self.liveness = Liveness()
        self._times = ServiceTimes()
        self._workers = Workers(settings.workers, settings.max_requests)
        self._respawns = Respawns(settings.workers)
        self._tasks: dict[TaskId, NodeTask] = {}
        self._buffer = NodeBuffer()
        self._return_unstarted_at = inf
        self._deadlines: Deadlines[NodeTask] = Deadlines(_is_open)
        self._last_local_task_id: LocalTaskId = 0
        self._report = CapacityReport()
        self._draining = False
        self._drain_heard = False
        self._drain_until = inf
        self._stopped = False

    # ---- what happens -------------------------------------------------------------------------------------------

    def start(self) -> Effects:
        """The node starts, and so do its workers, with a spare one when they are to be recycled."""
        spare = 1 if self._settings.max_requests is not None else 0
        return [Spawn(self._workers.add()) for _ in range(self._settings.workers + spare)]

    def connected(self, peer: PeerId, welcome: Welcome, now: float) -> Effects:
        """The cluster has welcomed this node."""
        self._cluster = peer
        self.liveness = Liveness.of_cluster(welcome, self._settings.liveness)
        self.liveness.join(peer, now)
        self._report.forget()
        self._drain_heard = False
        effects: list[NodeEffect] = [Send(peer, Register(self._settings.name, self._settings.incarnation))]
        if self._draining:
            effects.append(Send(peer, Drain()))
        self._report_capacity(effects)
        return effects

    def received(self, peer: PeerId, messages: list[Message], now: float) -> Effects:
        """The cluster has sent these messages, all read at once."""
        effects: Effects = []
        if peer != self._cluster:
            return effects
        self.liveness.heard(peer, now)
        for message in messages:
            match message:
                case Assign():
                    self._assign(peer, message, now, effects)
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
                    effects.append(Close(peer, f"a cluster may not send {type(message).__name__} to a node"))
        self._assign_waiting(now, effects)
        return effects

    def lost(self, peer: PeerId, now: float) -> Effects:
        """The cluster is gone: nobody waits for these tasks any more, so they are dropped, the running ones ended."""
        effects: Effects = []
        if peer != self._cluster:
            return effects
        self._cluster = None
        self.liveness.leave(peer)
        for task in self._buffer.clear():
            del self._tasks[task.id]
            task.end()
        for task in self._tasks.values():
            task.move(NodeTaskState.ORPHANED)
            task.end_as = Status.LOST
            effects.append(self._recall_from(task))
        self._tasks.clear()
        self._stop_when_drained(effects)
        return effects

    def worker_ready(self, worker: WorkerId, now: float) -> Effects:
        """A worker process is up."""
        effects: Effects = []
        slot = self._workers.get(worker)
        if slot is not None and slot.state == WorkerState.STARTING:
            self._workers.mark_ready(slot)
            self._report_capacity(effects)
            self._assign_waiting(now, effects)
        return effects

    def worker_answered(self, worker: WorkerId, outcomes: list[Outcome], now: float) -> Effects:
        """A worker has finished tasks."""
        effects: Effects = []
        slot = self._workers.get(worker)
        if slot is not None:
            slot.progress_at = now
            if slot.state == WorkerState.RECALLED:
                slot.move(WorkerState.BUSY)
            self._complete(slot, outcomes, now, effects)
            self._mark_free(slot, effects)
        self._assign_waiting(now, effects)
        return effects

    def worker_recalled(self, recalled: Recalled, now: float) -> Effects:
        """A recall has brought back tasks never started, and outcomes that the worker had not got round to sending."""
        effects: Effects = []
        slot = self._workers.get(recalled.worker)
        if slot is not None:
            slot.mark_recalled()
            self._complete(slot, recalled.outcomes, now, effects)
            self._take_back(slot, recalled.unstarted, effects)
            if any(task.must_end() for task in slot.tasks.values()):
                # It has been started, so all that was assigned before it is done, even where that was not read yet.
                self._kill(slot, recalled.entered, now, effects)
            self._mark_free(slot, effects)
        self._assign_waiting(now, effects)
        return effects

    def worker_ended(self, exit_: WorkerExit, now: float) -> Effects:
        """A worker process is gone. What it had finished counts, what it never started goes to others."""
        effects: Effects = []
        slot = self._workers.get(exit_.worker)
        if slot is None:
            return effects
        self._complete(slot, exit_.outcomes, now, effects)
        self._take_back(slot, exit_.unstarted, effects)
        self._workers.remove(slot)
        self._report_capacity(effects)
        for task in slot.tasks.values():
            self._fail(slot, task, exit_, now, effects)
        if slot.state != WorkerState.LEAVING and slot.state != WorkerState.DYING and not self._stopped:
            self._respawns.note_death(now)  # else another was started when this one was sent away
            self._respawn(now, effects)
        self._assign_waiting(now, effects)
        return effects

    def pressed(self, pressure: float) -> Effects:
        """The machine was looked at, and is so busy, from 0 to 1."""
        effects: Effects = []
        self._report.pressure = pressure
        self._report_capacity(effects)
        return effects

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        effects: Effects = []
        for task in self._deadlines.due(now):
            self._end_early(task, Status.EXPIRED, effects)
        if self._return_unstarted_at <= now:
            for task in self._buffer.clear():
                self._answer(task, Status.LOST, Entered.NO, "no worker of its node was free for it", effects)
        self._respawn(now, effects)
        for slot in self._workers.all():
            if slot.kill_at <= now:
                slot.kill_at = inf
                effects.append(Kill(slot.worker, True))
            if slot.recall_at() <= now:
                effects.append(_recall(slot))
        alive, silent = self.liveness.beat(now)
        effects += [Send(peer, Heartbeat()) for peer in alive]
        effects += [
            Close(peer, f"nothing was heard from the cluster for {self.liveness.dead_after_s:g} s") for peer in silent
        ]
        if now >= self._drain_until:
            self._drain_until = inf
            self._drain_heard = True
            for task in list(self._tasks.values()):
                if task.is_open():
                    self._end_early(task, Status.LOST, effects)
            self._stop_when_drained(effects)
        self._assign_waiting(now, effects)
        return effects

    def next_deadline(self) -> float | None:
        """When ``tick`` must be called at the latest; None for never."""
        moment = min(min(self.liveness.next_deadline(), self._drain_until), self._workers.next_deadline())
        moment = min(min(moment, self._return_unstarted_at), self._deadlines.next_moment())
        moment = min(moment, self._respawns.next_moment())
        return None if moment == inf else moment

    def drain(self, now: float, timeout_s: float) -> Effects:
        """Take nothing new, return what was not started, finish what runs within ``timeout_s``, then leave.

        It leaves when the cluster has sent Drain too: until then a task may be on its way here.
        """
        self._draining = True
        self._drain_heard = False
        self._drain_until = now + timeout_s
        effects: Effects = []
        if self._cluster is not None:
            effects.append(Send(self._cluster, Drain()))
        for task in self._buffer.clear():
            self._answer(task, Status.LOST, Entered.NO, "the node is draining", effects)
        effects += [_recall(slot) for slot in self._workers.all() if len(slot.tasks) > 1]
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
        self._last_local_task_id += 1
        deadline = now + m.timeout_s if m.timeout_s else inf
        task = NodeTask(m, self._last_local_task_id, deadline, self._times.of(m.kind) or 0.0)
        self._tasks[m.id] = task
        if self._draining:
            self._answer(task, Status.LOST, Entered.NO, "the node is draining", effects)
            return
        if m.timeout_s:
            self._deadlines.add(deadline, task)
        slot = None if self._buffer.length else self._workers.next_for(task)
        if slot is None:
            self._buffer.push(task)
        else:
            self._assign_worker(slot, task, now, effects)

    def _assign_waiting(self, now: float, effects: Effects) -> None:
        """Hands buffered tasks to workers, most urgent first. Where none waits, a free worker relieves another."""
        while (task := self._buffer.peek()) is not None:
            slot = self._workers.next_for(task)
            if slot is None:
                self._return_unstarted_at = min(self._return_unstarted_at, now + RETURN_UNSTARTED_AFTER_S)
                return
            self._buffer.pop()
            self._return_unstarted_at = inf
            self._assign_worker(slot, task, now, effects)
        self._return_unstarted_at = inf
        recallable = self._workers.recallable()
        if recallable is not None:
            effects.append(_recall(recallable))

    def _assign_worker(self, slot: WorkerSlot, task: NodeTask, now: float, effects: Effects) -> None:
        task.move(NodeTaskState.ASSIGNED)
        self._workers.assign(slot, task, now)
        m = task.assign
        effects.append(AssignWorker(slot.worker, task.local_task_id, m.timeout_s, m.payload, not task.is_short()))

    def _cancel(self, id_: TaskId, effects: Effects) -> None:
        task = self._tasks.get(id_)
        if task is not None and task.is_open():
            self._end_early(task, Status.CANCELLED, effects)

    def _end_early(self, task: NodeTask, status: int, effects: Effects) -> None:
        """Cancels, expires or gives up an open task. If a worker has it, a recall finds out whether it was started."""
        if task.state == NodeTaskState.BUFFERED:
            self._answer(task, status, Entered.NO, "it was ended before it started", effects)
            self._buffer.note_ended()
        else:
            task.move(NodeTaskState.ENDING)
            task.end_as = status
            effects.append(self._recall_from(task))

    def _recall_from(self, task: NodeTask) -> Recall:
        """Recalls the worker that has this task."""
        slot = self._workers.get(task.worker)
        assert slot is not None
        return _recall(slot)

    def _complete(self, slot: WorkerSlot, outcomes: list[Outcome], now: float, effects: Effects) -> None:
        """Answers what a worker has finished, each task under the cluster's number, and learns what it took."""
        kind, runs = -1, Runs()
        for outcome in outcomes:
            task = self._workers.release(slot, outcome.id)
            if task is None:
                continue
            slot.served += 1
            if outcome.status == Status.COMPLETED:
                if task.assign.kind != kind:
                    self._learn(kind, runs, now)
                    kind, runs = task.assign.kind, Runs()
                runs.note(outcome.run_s)
            if task.state == NodeTaskState.ORPHANED:
                task.end()
                continue
            self._send(task, answered(task, outcome), effects)
        self._learn(kind, runs, now)

    def _learn(self, kind: int, runs: Runs, now: float) -> None:
        """Takes what tasks of one kind, answered one after the other, took together."""
        if runs.count:
            self._times.add(kind, runs, now)
            self._respawns.note_run()

    def _take_back(self, slot: WorkerSlot, unstarted: list[LocalTaskId], effects: Effects) -> None:
        for local_task_id in unstarted:
            task = self._workers.release(slot, local_task_id)
            if task is None:
                continue
            if task.must_end() or self._draining:
                why = "it was ended before it started" if task.must_end() else "the node is draining"
                self._answer(task, task.end_as, Entered.NO, why, effects)
            else:
                task.move(NodeTaskState.BUFFERED)
                self._buffer.push(task)

    def _fail(self, slot: WorkerSlot, task: NodeTask, exit_: WorkerExit, now: float, effects: Effects) -> None:
        """Answers a task with which its worker has ended."""
        entered = Entered.YES if task.local_task_id == exit_.entered else Entered.NO
        run_s = max(0.0, now - slot.progress_at) if entered else 0.0
        if task.must_end():
            self._answer(task, task.end_as, entered, "it was ended in its worker", effects, run_s)
        else:
            self._send(task, worker_died(task, entered, run_s, exit_, self._settings.name), effects)

    def _answer(
        self, task: NodeTask, status: int, entered: int, reason: str, effects: Effects, run_s: float = 0.0
    ) -> None:
        """Answers a task in the node's own words; orphans have nobody to answer to."""
        if task.state == NodeTaskState.ORPHANED:
            task.end()
        else:
            self._send(task, ended(task, status, entered, run_s, reason, self._settings.name), effects)

    def _send(self, task: NodeTask, outcome: Outcome, effects: Effects) -> None:
        assert self._cluster is not None
        del self._tasks[task.id]
        task.end()
        effects.append(Send(self._cluster, outcome))
        if self._draining:
            self._stop_when_drained(effects)

    # ---- workers ------------------------------------------------------------------------------------------------

    def _mark_free(self, slot: WorkerSlot, effects: Effects) -> None:
        if self._workers.mark_free(slot):
            effects.append(Retire(slot.worker))
            effects.append(Spawn(self._workers.add()))
            self._report_capacity(effects)

    def _kill(self, slot: WorkerSlot, entered: LocalTaskId, now: float, effects: Effects) -> None:
        """Ends a worker that has a task that is to end, and starts another in its place.

        The answer leaves at once, and the place is taken at once: a task that ignores SIGTERM holds up nobody. Only
        where the function was not entered yet must the answer wait until it is certain that it never will be.
        """
        if slot.state != WorkerState.DYING:
            self._workers.mark_dying(slot, now + self._settings.kill_after_s)
            self._report_capacity(effects)
            effects.append(Kill(slot.worker, False))
            if not self._stopped:
                effects.append(Spawn(self._workers.add()))
        task = slot.tasks.get(entered)
        if task is not None and task.must_end():
            self._workers.release(slot, entered)
            run_s = max(0.0, now - slot.progress_at)
            self._answer(task, task.end_as, Entered.YES, "it was ended in its worker", effects, run_s)

    def _respawn(self, now: float, effects: Effects) -> None:
        for _ in range(self._respawns.due(now)):
            effects.append(Spawn(self._workers.add()))

    def _report_capacity(self, effects: Effects) -> None:
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
        assigned = [task for slot in slots for task in slot.tasks.values()]
        waiting = self._buffer.waiting()
        assert not any(task.state in (NodeTaskState.BUFFERED, NodeTaskState.ENDED) for task in assigned)
        orphans = sum(task.state == NodeTaskState.ORPHANED for task in assigned)
        assert len(assigned) - orphans + len(waiting) == len(self._tasks), "a task is in no place, or in two"
        assert len(waiting) == self._buffer.length, "the buffer's count is off"
        assert all(task.worker == slot.worker for slot in slots for task in slot.tasks.values())
        assert all((slot.state == WorkerState.FREE) != bool(slot.tasks) for slot in slots if slot.serves())
        assert not (waiting and self._workers.has_free()), "a task waits while a worker is free"


def _recall(slot: WorkerSlot) -> Recall:
    slot.mark_recalled()
    return Recall(slot.worker)


def _is_open(task: NodeTask) -> bool:
    return task.is_open()
