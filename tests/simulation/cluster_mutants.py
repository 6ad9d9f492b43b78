"""Mutants of the cluster: each breaks one behaviour of its state machine or of a room."""

from __future__ import annotations

from math import inf
from typing import Any

from argon.protocol.messages import Assign, Cancel, Capacity, Entered, Outcome, Register, Status, Submit
from argon.scheduling.ageing import Ageing
from argon.scheduling.cluster import admission, cluster_state
from argon.scheduling.cluster.admission_rule import reject_reason
from argon.scheduling.cluster.answer_state import AnswerState
from argon.scheduling.cluster.clients import Clients, ClientSession
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.route import Route
from argon.scheduling.cluster.router import Router
from argon.scheduling.cluster.task import TaskState
from argon.scheduling.effects import Send
from argon.scheduling.liveness import Liveness
from tests.simulation.mutation import Patch, around
from tests.support.records import replaced


def queue_takes_one_too_many(patch: Patch) -> None:
    def lenient(limits: Any, forecast: Any) -> Any:
        return reject_reason(limits, replaced(forecast, queue_length=forecast.queue_length - 1))

    patch.setattr(admission, "reject_reason", lenient)


def queue_forgets_its_bytes(patch: Patch) -> None:
    def lenient(limits: Any, forecast: Any) -> Any:
        return reject_reason(limits, replaced(forecast, queue_bytes=0))

    patch.setattr(admission, "reject_reason", lenient)


def deadline_is_ignored_in_the_queue(patch: Patch) -> None:
    patch.setattr(TaskQueue, "_note_deadline", lambda self, task: None)


def last_comes_first(patch: Patch) -> None:
    def push(original: Any, queue: TaskQueue, task: Any) -> None:
        original(queue, task)
        queue._levels[task.priority].lanes[task.client]._tasks.rotate(1)

    around(patch, TaskQueue, "push", push)


def tombstones_come_back(patch: Patch) -> None:
    patch.setattr("argon.scheduling.cluster.queue._waits_on_its_level", lambda task: task.state is TaskState.QUEUED)


def slot_is_kept_after_a_cancel(patch: Patch) -> None:
    def release(original: Any, node: NodeSession, task: Any) -> None:
        if task.state is not TaskState.CANCELLING:
            original(node, task)

    around(patch, NodeSession, "release", release)


def everything_may_run_twice(patch: Patch) -> None:
    def node_gone(original: Any, state: ClusterState, node: NodeSession, *rest: Any) -> None:
        for task in node.tasks.values():
            task.idempotent = True
        original(state, node, *rest)

    around(patch, ClusterState, "_node_gone", node_gone)


def payload_is_dropped_when_assigned(patch: Patch) -> None:
    def assign(original: Any, state: ClusterState, task: Any, *rest: Any) -> None:
        original(state, task, *rest)
        if not task.idempotent:
            task.payload = b""

    around(patch, ClusterState, "_assign", assign)


def lost_is_said_never_to_have_run(patch: Patch) -> None:
    def end(original: Any, answers: AnswerState, task: Any, outcome: Outcome, *rest: Any) -> None:
        if outcome.status == Status.LOST:
            outcome.entered = Entered.NO
            task.losses = 0
        original(answers, task, outcome, *rest)

    around(patch, AnswerState, "end", end)


def task_that_came_back_is_said_never_to_have_run(patch: Patch) -> None:
    def end(original: Any, answers: AnswerState, task: Any, *rest: Any) -> None:
        task.losses = 0
        original(answers, task, *rest)

    around(patch, AnswerState, "end", end)


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


def tasks_are_known_by_their_clients_numbers(patch: Patch) -> None:
    original = cluster_state.admitted_task
    patch.setattr(cluster_state, "admitted_task", lambda id_, client, m, *rest: original(m.id, client, m, *rest))


def attempts_are_not_compared(patch: Patch) -> None:
    def outcome(original: Any, state: ClusterState, node: NodeSession, m: Outcome, *rest: Any) -> None:
        if m.id in node.tasks:
            m.attempt = node.tasks[m.id].attempt
        original(state, node, m, *rest)

    around(patch, ClusterState, "_outcome", outcome)


def slot_is_free_as_soon_as_a_cancel_is_sent(patch: Patch) -> None:
    def cancel_asked(original: Any, state: ClusterState, client: ClientSession, m: Cancel, *rest: Any) -> None:
        task = client.tasks.get(m.id)
        original(state, client, m, *rest)
        if task is not None and task.state is TaskState.CANCELLING:
            node = state.membership.get(task.node)
            if node is not None and task.id in node.tasks:
                state.membership.release(node, task)

    around(patch, ClusterState, "_cancel_asked", cancel_asked)


def returned_task_needs_room_in_the_queue(patch: Patch) -> None:
    def try_again(original: Any, state: ClusterState, *rest: Any) -> bool:
        return state.queue.length < state.settings.queue_limit and original(state, *rest)

    around(patch, ClusterState, "_requeue", try_again)


def queue_keeps_the_bytes_of_what_is_cancelled(patch: Patch) -> None:
    def remove(original: Any, queue: TaskQueue, task: Any) -> None:
        size_bytes = queue.size_bytes
        original(queue, task)
        queue.size_bytes = size_bytes

    around(patch, TaskQueue, "remove", remove)


def superseded_nodes_tasks_are_forgotten(patch: Patch) -> None:
    def register(original: Any, state: ClusterState, peer: int, m: Register, *rest: Any) -> None:
        old = state.membership.named(m.name)
        if old is not None and old.incarnation == m.incarnation:
            for task in list(old.tasks.values()):
                state.membership.release(old, task)
        original(state, peer, m, *rest)

    around(patch, ClusterState, "_register", register)


def nobody_ages(patch: Patch) -> None:
    around(patch, TaskQueue, "__init__", lambda original, queue, age_step_s: original(queue, inf))


def what_has_aged_takes_every_turn(patch: Patch) -> None:
    patch.setattr(Ageing, "charge", lambda self, *turn, **work: None)


def what_has_aged_shares_by_turns(patch: Patch) -> None:
    def charge(original: Any, ageing: Ageing, level: int, urgent: int, work: float, aged_levels: int) -> None:
        original(ageing, level, urgent, 1.0, aged_levels)

    around(patch, Ageing, "charge", charge)


def wait_in_its_client_is_ignored(patch: Patch) -> None:
    original = cluster_state.admitted_task

    def admitted(*given: Any) -> Any:
        task = original(*given)
        task.since = task.queued_at
        return task

    patch.setattr(cluster_state, "admitted_task", admitted)


def only_the_first_of_a_level_ages(patch: Patch) -> None:
    def oldest_since(level: Any) -> float:
        return float(level.arrivals.first().since)

    patch.setattr("argon.scheduling.cluster.queue._Level.oldest_since", oldest_since)


def stopping_cluster_forgets_what_came_back(patch: Patch) -> None:
    def finish(original: Any, state: ClusterState, now: float, effects: list[Any]) -> Any:
        returned = state.queue._returned
        if state.shutdown.draining:
            state.queue._returned = type(returned)()
        effects = original(state, now, effects)
        state.queue._returned = returned
        return effects

    around(patch, ClusterState, "_finish", finish)


def id_in_use_is_admitted_again(patch: Patch) -> None:
    def from_client(original: Any, state: ClusterState, client: ClientSession, m: Any, now: float, e: Any) -> Any:
        if isinstance(m, Submit):
            state._submit(client, m, now, e)
            return True
        return original(state, client, m, now, e)

    around(patch, ClusterState, "_from_client", from_client)


def client_may_say_anything(patch: Patch) -> None:
    def drop(original: Any, state: ClusterState, peer: int, reason: str, *rest: Any) -> None:
        if not reason.startswith("a client may not send"):
            original(state, peer, reason, *rest)

    around(patch, ClusterState, "_drop", drop)


def announcement_of_a_gone_client_stays(patch: Patch) -> None:
    def remove(original: Any, clients: Clients, session: ClientSession) -> None:
        session.announced = None
        original(clients, session)

    around(patch, Clients, "remove", remove)


def peer_that_is_held_back_counts_as_silent(patch: Patch) -> None:
    patch.setattr(Liveness, "stands", lambda self, peer, at: None)


def payload_that_stopped_coming_keeps_its_place(patch: Patch) -> None:
    def stands(state: ClusterState, peer: int, at: float, now: float) -> list[Any]:
        state.liveness.stands(peer, at)
        return []

    patch.setattr(ClusterState, "stands", stands)


def remaining_time_is_assigned_as_a_moment(patch: Patch) -> None:
    def assign(original: Any, state: ClusterState, task: Any, route: Route, now: float, effects: list[Any]) -> None:
        original(state, task, route, now, effects)
        message = effects[-1].message
        if message.timeout_s:
            message.timeout_s += now

    around(patch, ClusterState, "_assign", assign)


def cancelled_task_of_a_lost_node_runs_again(patch: Patch) -> None:
    def node_gone(original: Any, state: ClusterState, node: NodeSession, *rest: Any) -> None:
        for task in node.tasks.values():
            if task.idempotent:
                task.state = TaskState.ASSIGNED
        original(state, node, *rest)

    around(patch, ClusterState, "_node_gone", node_gone)


def cancel_names_another_task(patch: Patch) -> None:
    def cancel_asked(original: Any, state: ClusterState, client: ClientSession, m: Cancel, now: float, e: Any) -> None:
        original(state, client, m, now, e)
        if e and isinstance(e[-1].message, Cancel):
            e[-1].message.id += 1

    around(patch, ClusterState, "_cancel_asked", cancel_asked)


def attempts_are_not_counted(patch: Patch) -> None:
    def assign(original: Any, state: ClusterState, task: Any, *rest: Any) -> None:
        effects = rest[-1]
        original(state, task, *rest)
        effects[-1] = Send(effects[-1].peer, replaced(effects[-1].message, attempt=1))
        assert isinstance(effects[-1].message, Assign)

    around(patch, ClusterState, "_assign", assign)


def pressure_is_ignored(patch: Patch) -> None:
    def from_node(original: Any, state: ClusterState, peer: int, node: Any, m: Any, *rest: Any) -> Any:
        return original(state, peer, node, Capacity(m.workers) if isinstance(m, Capacity) else m, *rest)

    around(patch, ClusterState, "_from_node", from_node)


def node_may_answer_a_task_of_another(patch: Patch) -> None:
    def outcome(original: Any, state: ClusterState, node: NodeSession, m: Outcome, *rest: Any) -> None:
        holder = next((other for other in state.membership.all() if m.id in other.tasks), node)
        original(state, holder, m, *rest)

    around(patch, ClusterState, "_outcome", outcome)
