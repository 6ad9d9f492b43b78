"""Mutants of the node: each breaks one behaviour of its state machine or of one of its rooms."""

from __future__ import annotations

from math import inf
from typing import Any

from argon.protocol.messages import Assign, Capacity, Entered, Status
from argon.scheduling.node import node_state
from argon.scheduling.node.node_state import NodeState
from argon.scheduling.node.node_task import NodeTaskState
from argon.scheduling.node.respawns import Respawns
from argon.scheduling.node.worker_slot import WorkerSlot
from argon.scheduling.node.workers import Workers
from tests.simulation.mutation import Patch, around


def tasks_of_a_lost_cluster_go_on(patch: Patch) -> None:
    def lost(original: Any, state: NodeState, peer: int, now: float) -> Any:
        state._tasks.clear()
        state._buffer.clear()
        for slot in state._workers.all():
            for task in slot.tasks.values():
                task.state = NodeTaskState.ORPHANED
        return original(state, peer, now)

    around(patch, NodeState, "lost", lost)


def dead_workers_task_is_forgotten(patch: Patch) -> None:
    patch.setattr(NodeState, "_fail", lambda self, slot, task, *rest: self._tasks.pop(task.id, None))


def dead_worker_is_not_replaced(patch: Patch) -> None:
    patch.setattr(Respawns, "note_death", lambda self, now: None)


def recycled_worker_is_not_replaced(patch: Patch) -> None:
    def rest(original: Any, state: NodeState, slot: Any, effects: list[Any]) -> None:
        before = len(effects)
        original(state, slot, effects)
        effects[:] = effects[:before] + [e for e in effects[before:] if not isinstance(e, node_state.Spawn)]

    around(patch, NodeState, "_mark_free", rest)


def draining_node_forgets_what_waits(patch: Patch) -> None:
    def drain(original: Any, state: NodeState, *rest: Any) -> Any:
        for task in state._buffer.clear():
            del state._tasks[task.id]
        return original(state, *rest)

    around(patch, NodeState, "drain", drain)


def draining_node_leaves_without_being_heard(patch: Patch) -> None:
    def stop(original: Any, state: NodeState, effects: list[Any]) -> None:
        state._drain_heard = True
        original(state, effects)

    around(patch, NodeState, "_stop_when_drained", stop)


def stubborn_worker_is_never_killed_by_force(patch: Patch) -> None:
    around(patch, Workers, "mark_dying", lambda original, self, slot, kill_at: original(self, slot, inf))


def kill_hits_the_innocent(patch: Patch) -> None:
    def take_back(original: Any, state: NodeState, slot: Any, unstarted: list[int], effects: Any) -> None:
        for local_task_id in unstarted:  # what was not started is taken for running
            task = slot.tasks.get(local_task_id)
            if task is not None and task.state != NodeTaskState.ORPHANED:
                state._workers.release(slot, local_task_id)
                state._answer(task, Status.FAILED, Entered.YES, "", effects)
        original(state, slot, [], effects)

    around(patch, NodeState, "_take_back", take_back)


def running_task_is_reported_as_not_started(patch: Patch) -> None:
    around(
        patch,
        NodeState,
        "_answer",
        lambda original, self, task, status, entered, *rest: original(self, task, status, Entered.NO, *rest),
    )


def timeout_is_ignored_on_the_node(patch: Patch) -> None:
    around(
        patch,
        NodeState,
        "_end_early",
        lambda original, self, task, status, effects: (
            None if status == Status.EXPIRED else original(self, task, status, effects)
        ),
    )


def ended_task_is_answered_twice(patch: Patch) -> None:
    def answer(
        original: Any, state: NodeState, task: Any, status: Any, entered: Any, reason: str, effects: Any
    ) -> None:
        before = len(effects)
        original(state, task, status, entered, reason, effects)
        effects += effects[before : before + 1]

    around(patch, NodeState, "_answer", lambda original, self, *a: answer(original, self, *a[:5]))


def capacity_is_reported_only_once(patch: Patch) -> None:
    def connected(original: Any, state: NodeState, *rest: Any) -> Any:
        reported = state._report._reported_workers
        effects = original(state, *rest)
        return [e for e in effects if not (reported and isinstance(e.message, Capacity))]

    around(patch, NodeState, "connected", connected)


def dying_worker_counts_as_ready(patch: Patch) -> None:
    def mark_dying(self: Workers, slot: WorkerSlot, kill_at: float) -> None:
        slot.kill_at = kill_at  # and it stays in service

    patch.setattr(Workers, "mark_dying", mark_dying)


def deadline_is_a_moment_of_another_clock(patch: Patch) -> None:
    def assign(original: Any, state: NodeState, cluster: int, m: Assign, now: float, effects: Any) -> None:
        original(state, cluster, m, 0.0, effects)

    around(patch, NodeState, "_assign", assign)


def what_is_returned_unstarted_is_lost(patch: Patch) -> None:
    def answer(original: Any, state: NodeState, task: Any, status: Any, entered: Any, *rest: Any) -> None:
        original(state, task, status, Entered.UNKNOWN if status == Status.LOST else entered, *rest)

    around(patch, NodeState, "_answer", answer)
