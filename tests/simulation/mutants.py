"""The simulation is worth what it catches: each mutant here breaks one behaviour, and some seed must notice.

`python -m tests.simulation.mutants` (`make mutants`) prints who noticed each, and when; exit status 1 if one survives.

A mutant that no world can tell from the original (an answer with an old attempt never comes from an honest node) is
killed by the test of the core that is named with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from math import inf
from typing import Any, TypeAlias

import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from argon.protocol.messages import Entered, Outcome, Status, Submit
from argon.scheduling import client_state, cluster_state, node_state
from argon.scheduling.admission import refusal
from argon.scheduling.client_state import ClientState
from argon.scheduling.clients import ClientSession
from argon.scheduling.cluster_state import ClusterState
from argon.scheduling.liveness import Liveness
from argon.scheduling.member import Member
from argon.scheduling.node_state import NodeState
from argon.scheduling.queue import TaskQueue
from argon.scheduling.router import Router
from argon.scheduling.task import TaskState
from argon.scheduling.workers import Workers
from tests.scheduling import test_cluster_state as core
from tests.simulation.world import PromiseBroken, run
from tests.support.records import replaced

SEEDS = range(400)
Patch: TypeAlias = pytest.MonkeyPatch
Mutant: TypeAlias = Callable[[Patch], None]


def around(patch: Patch, owner: type, name: str, mutant: Callable[..., Any]) -> None:
    """Replaces a method; the mutant gets the original first."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda self, *a, **k: mutant(original, self, *a, **k))


# --- the cluster ------------------------------------------------------------------------------------------------------


def queue_takes_one_too_many(patch: Patch) -> None:
    def lenient(limits: Any, door: Any, *rest: Any) -> Any:
        return refusal(limits, replaced(door, queue_length=door.queue_length - 1), *rest)

    patch.setattr(cluster_state, "refusal", lenient)


def queue_forgets_its_bytes(patch: Patch) -> None:
    def lenient(limits: Any, door: Any, *rest: Any) -> Any:
        return refusal(limits, replaced(door, queue_bytes=0), *rest)

    patch.setattr(cluster_state, "refusal", lenient)


def deadline_is_ignored_in_the_queue(patch: Patch) -> None:
    patch.setattr(TaskQueue, "_note_deadline", lambda self, task: None)


def last_comes_first(patch: Patch) -> None:
    def push(original: Any, queue: TaskQueue, task: Any) -> None:
        original(queue, task)
        queue._levels[task.priority].clients[task.client].tasks.rotate(1)

    around(patch, TaskQueue, "push", push)


def husks_come_to_life(patch: Patch) -> None:
    patch.setattr("argon.scheduling.queue._lives", lambda task: task.state is TaskState.QUEUED)


def slot_is_kept_after_a_cancel(patch: Patch) -> None:
    def release(original: Any, member: Member, task: Any) -> None:
        if task.state is not TaskState.CANCELLING:
            original(member, task)

    around(patch, Member, "release", release)


def everything_may_run_twice(patch: Patch) -> None:
    def node_gone(original: Any, state: ClusterState, member: Member, *rest: Any) -> None:
        for task in member.tasks.values():
            task.idempotent = True
        original(state, member, *rest)

    around(patch, ClusterState, "_node_gone", node_gone)


def payload_is_dropped_when_assigned(patch: Patch) -> None:
    def assign(original: Any, state: ClusterState, task: Any, *rest: Any) -> None:
        original(state, task, *rest)
        if not task.idempotent:
            task.payload = b""

    around(patch, ClusterState, "_assign", assign)


def lost_is_said_never_to_have_run(patch: Patch) -> None:
    def answer(original: Any, state: ClusterState, task: Any, m: Outcome, *rest: Any) -> None:
        if m.status == Status.LOST:
            m.entered = Entered.NO
            task.may_have_run = False
        original(state, task, m, *rest)

    around(patch, ClusterState, "_answer", answer)


def task_that_came_back_is_said_never_to_have_run(patch: Patch) -> None:
    def answer(original: Any, state: ClusterState, task: Any, *rest: Any) -> None:
        task.may_have_run = False
        original(state, task, *rest)

    around(patch, ClusterState, "_answer", answer)


def worker_idles_now_and_then(patch: Patch) -> None:
    turns = iter(range(10**9))
    around(
        patch,
        Router,
        "choose",
        lambda original, router, *a: original(router, *a) if next(turns) % 3 else None,
    )


def draining_cluster_never_gives_up(patch: Patch) -> None:
    patch.setattr(ClusterState, "_fail_all", lambda self, now, effects: None)


def queued_tasks_of_a_gone_client_stay(patch: Patch) -> None:
    def client_gone(original: Any, state: ClusterState, client: ClientSession, effects: Any) -> None:
        kept = {id_: task for id_, task in client.tasks.items() if task.state is TaskState.QUEUED}
        for id_ in kept:
            del client.tasks[id_]
        original(state, client, effects)

    around(patch, ClusterState, "_client_gone", client_gone)


def running_tasks_of_a_gone_client_go_on(patch: Patch) -> None:
    def client_gone(original: Any, state: ClusterState, client: ClientSession, effects: list[Any]) -> None:
        original(state, client, [])

    around(patch, ClusterState, "_client_gone", client_gone)


def silence_is_no_death(patch: Patch) -> None:
    around(patch, Liveness, "beat", lambda original, self, now: (original(self, now)[0], []))


def tasks_are_known_by_their_clients_numbers(patch: Patch) -> None:
    original = cluster_state.admitted_task
    patch.setattr(cluster_state, "admitted_task", lambda id_, client, m, *rest: original(m.id, client, m, *rest))


def attempts_are_not_compared(patch: Patch) -> None:
    def outcome(original: Any, state: ClusterState, member: Member, m: Outcome, *rest: Any) -> None:
        if m.id in member.tasks:
            m.attempt = member.tasks[m.id].attempt
        original(state, member, m, *rest)

    around(patch, ClusterState, "_outcome", outcome)


# --- the node ---------------------------------------------------------------------------------------------------------


def tasks_of_a_lost_cluster_go_on(patch: Patch) -> None:
    def lost(original: Any, state: NodeState, peer: int, now: float) -> Any:
        state._tasks.clear()
        state._buffer.clear()
        for slot in state._workers.all():
            for task in slot.tasks.values():
                task.orphan = True
        return original(state, peer, now)

    around(patch, NodeState, "lost", lost)


def dead_workers_task_is_forgotten(patch: Patch) -> None:
    patch.setattr(NodeState, "_worker_died", lambda self, slot, task, *rest: self._tasks.pop(task.id, None))


def dead_worker_is_not_replaced(patch: Patch) -> None:
    patch.setattr(NodeState, "_replace", lambda self, slot, now, effects: None)


def recycled_worker_is_not_replaced(patch: Patch) -> None:
    def rest(original: Any, state: NodeState, slot: Any, effects: list[Any]) -> None:
        before = len(effects)
        original(state, slot, effects)
        effects[:] = effects[:before] + [e for e in effects[before:] if not isinstance(e, node_state.Spawn)]

    around(patch, NodeState, "_rest", rest)


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
    around(patch, Workers, "condemn", lambda original, self, slot, kill_at: original(self, slot, inf))


def kill_hits_the_innocent(patch: Patch) -> None:
    def take_back(original: Any, state: NodeState, slot: Any, unstarted: list[int], effects: Any) -> None:
        for sequence in unstarted:  # what was not begun is taken for running
            task = slot.tasks.get(sequence)
            if task is not None and not task.orphan:
                state._workers.take(slot, sequence)
                state._answer(task, Status.FAILED, Entered.YES, "", effects)
        original(state, slot, [], effects)

    around(patch, NodeState, "_take_back", take_back)


def running_task_is_said_not_to_have_begun(patch: Patch) -> None:
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
            None if status is Status.EXPIRED else original(self, task, status, effects)
        ),
    )


# --- the client -------------------------------------------------------------------------------------------------------


def credits_are_ignored(patch: Patch) -> None:
    def send(original: Any, state: ClientState, *rest: Any) -> None:
        credits, state._credits = state._credits, 10**6
        original(state, *rest)
        state._credits = credits

    around(patch, ClientState, "_send", send)


def priority_is_never_sent(patch: Patch) -> None:
    patch.setattr(client_state, "Submit", lambda id_, priority, *rest: Submit(id_, 2, *rest))


def everything_is_sent_again_after_a_loss(patch: Patch) -> None:
    def lost(original: Any, state: ClientState, *rest: Any) -> Any:
        for task in state._tasks.values():
            task.options = msgspec.structs.replace(task.options, idempotent=True)
        return original(state, *rest)

    around(patch, ClientState, "lost", lost)


def outstanding_is_counted_down_twice(patch: Patch) -> None:
    def lost(original: Any, state: ClientState, peer: int, now: float) -> Any:
        effects = original(state, peer, now)
        state._outstanding -= sum(isinstance(effect, client_state.Settle) for effect in effects)
        return effects

    around(patch, ClientState, "lost", lost)


def rejected_task_is_forgotten(patch: Patch) -> None:
    patch.setattr(ClientState, "_rejected", lambda self, task, m, now, effects: None)


def retries_never_end(patch: Patch) -> None:
    def rejected(original: Any, state: ClientState, task: Any, *rest: Any) -> None:
        task.rejections = -5
        original(state, task, *rest)

    around(patch, ClientState, "_rejected", rejected)


# Each with the seed that noticed it last, which is tried first: a matter of speed, not of truth.
IN_SOME_WORLD = {
    queue_takes_one_too_many: 0,
    queue_forgets_its_bytes: 42,
    deadline_is_ignored_in_the_queue: 9,
    last_comes_first: 0,
    husks_come_to_life: 41,
    slot_is_kept_after_a_cancel: 0,
    everything_may_run_twice: 37,
    payload_is_dropped_when_assigned: 113,
    lost_is_said_never_to_have_run: 37,
    task_that_came_back_is_said_never_to_have_run: 123,
    worker_idles_now_and_then: 0,
    draining_cluster_never_gives_up: 41,
    queued_tasks_of_a_gone_client_stay: 0,
    running_tasks_of_a_gone_client_go_on: 0,
    silence_is_no_death: 6,
    tasks_are_known_by_their_clients_numbers: 6,
    tasks_of_a_lost_cluster_go_on: 6,
    dead_workers_task_is_forgotten: 3,
    dead_worker_is_not_replaced: 0,
    recycled_worker_is_not_replaced: 4,
    draining_node_forgets_what_waits: 27,
    draining_node_leaves_without_being_heard: 113,
    stubborn_worker_is_never_killed_by_force: 7,
    kill_hits_the_innocent: 26,
    running_task_is_said_not_to_have_begun: 4,
    timeout_is_ignored_on_the_node: 26,
    credits_are_ignored: 0,
    priority_is_never_sent: 0,
    everything_is_sent_again_after_a_loss: 1,
    outstanding_is_counted_down_twice: 1,
    rejected_task_is_forgotten: 0,
    retries_never_end: 4,
}
IN_THE_CORE = [(attempts_are_not_compared, core.test_answer_with_an_old_attempt_is_counted_and_dropped)]


def promise_broken(seed: int) -> str:
    """What a world says of a mutant; empty if it notices nothing. A mutant may also stumble over itself."""
    try:
        run(seed)
    except PromiseBroken as broken:
        return str(broken)
    return ""


def fails(test: Callable[[], None]) -> bool:
    """Whether a test of the core notices."""
    try:
        test()
    except AssertionError:
        return True
    return False


def first_to_notice(mutant: Mutant) -> tuple[int, str]:
    """The first seed that notices a mutant and what it says; -1 for none. Runs in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        for seed in SEEDS:
            said = promise_broken(seed)
            if said:
                return seed, said
    return -1, ""


def main() -> int:
    """Prints the table; returns the exit status."""
    table = Table("mutant", "noticed by", "which says")
    survivors = 0
    with ProcessPoolExecutor() as pool:
        for mutant, (seed, said) in zip(IN_SOME_WORLD, pool.map(first_to_notice, IN_SOME_WORLD), strict=True):
            survivors += seed < 0
            table.add_row(mutant.__name__, f"seed {seed}" if seed >= 0 else "nobody", said.partition(" (seed")[0])
    for mutant, test in IN_THE_CORE:
        with pytest.MonkeyPatch.context() as patch:
            mutant(patch)
            noticed = fails(test)
        survivors += not noticed
        table.add_row(mutant.__name__, test.__name__ if noticed else "nobody", "")
    Console(width=200).print(table)
    print(f"{len(IN_SOME_WORLD) + len(IN_THE_CORE)} mutants, {survivors} survive {len(SEEDS)} seeds")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
