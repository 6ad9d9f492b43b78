"""Mutants of the client: each breaks one behaviour of its state machine."""

from __future__ import annotations

from typing import Any

from argon.protocol.messages import Submit
from argon.scheduling.client import client_state, client_task
from argon.scheduling.client.backlog import Backlog, PriorityBacklog
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.client.send_window import SendWindow
from argon.scheduling.task_options import TaskOptions
from tests.simulation.mutation import Patch, around


def credits_are_ignored(patch: Patch) -> None:
    def send(original: Any, state: ClientState, *rest: Any) -> None:
        allowed, state._credits.allowed = state._credits.allowed, 10**6
        original(state, *rest)
        state._credits.allowed = allowed

    around(patch, ClientState, "_send", send)


def priority_is_never_sent(patch: Patch) -> None:
    patch.setattr(client_task, "Submit", lambda **fields: Submit(**{**fields, "priority": 2}))


def wait_is_never_sent(patch: Patch) -> None:
    patch.setattr(client_task, "Submit", lambda **fields: Submit(**{**fields, "waited_s": 0.0}))


def everything_is_sent_again_after_a_loss(patch: Patch) -> None:
    def lost(original: Any, state: ClientState, *rest: Any) -> Any:
        for task in state._tasks.values():
            task.options = TaskOptions(**{**task.options.fields(), "idempotent": True})  # type: ignore[arg-type]
        return original(state, *rest)

    around(patch, ClientState, "lost", lost)


def outstanding_is_counted_down_twice(patch: Patch) -> None:
    def lost(original: Any, state: ClientState, peer: int, now: float) -> Any:
        effects = original(state, peer, now)
        state._credits.outstanding -= sum(isinstance(effect, client_state.Settle) for effect in effects)
        return effects

    around(patch, ClientState, "lost", lost)


def rejected_task_is_forgotten(patch: Patch) -> None:
    patch.setattr(ClientState, "_retry_rejected", lambda self, task, m, now, effects: None)


def retries_never_end(patch: Patch) -> None:
    def try_again(original: Any, state: ClientState, task: Any, *rest: Any) -> None:
        task.rejections = -5
        original(state, task, *rest)

    around(patch, ClientState, "_retry_rejected", try_again)


def remaining_time_is_sent_as_a_moment(patch: Patch) -> None:
    def send(original: Any, state: ClientState, now: float, effects: list[Any]) -> None:
        before = len(effects)
        original(state, now, effects)
        for effect in effects[before:]:
            effect.message.timeout_s += now if effect.message.timeout_s else 0.0

    around(patch, ClientState, "_send", send)


def cluster_that_says_nothing_is_waited_for(patch: Patch) -> None:
    def overdue(original: Any, state: ClientState, task: Any, *rest: Any) -> None:
        if not task.is_sent():
            original(state, task, *rest)

    around(patch, ClientState, "_overdue", overdue)


def backlog_goes_on_after_a_rejection(patch: Patch) -> None:
    patch.setattr(SendWindow, "rejected", lambda self, outstanding, again_at, priority: False)


def no_retry_probe_is_sent(patch: Patch) -> None:
    patch.setattr(SendWindow, "take_probe", lambda self, outstanding, now: False)


def retry_probes_are_free(patch: Patch) -> None:
    def take_probe(original: Any, window: SendWindow, *rest: Any) -> Any:
        window._budget = 10.0
        return original(window, *rest)

    around(patch, SendWindow, "take_probe", take_probe)


def rejected_task_goes_to_the_end_of_the_backlog(patch: Patch) -> None:
    patch.setattr(Backlog, "put_back", Backlog.add)


def oldest_goes_first_however_late_it_is(patch: Patch) -> None:
    def take(original: Any, tasks: PriorityBacklog, now: float) -> Any:
        return original(tasks, 0.0)

    around(patch, PriorityBacklog, "take", take)


def task_that_waits_is_lost_from_the_backlog(patch: Patch) -> None:
    def take(original: Any, tasks: PriorityBacklog, now: float) -> Any:
        task = original(tasks, now)
        return original(tasks, now) if task is not None and task.rejections else task

    around(patch, PriorityBacklog, "take", take)


def unsent_task_is_lost(patch: Patch) -> None:
    around(patch, ClientState, "lost", lambda original, state, peer, now, unread=(): original(state, peer, now))


def connection_that_has_ended_is_sent_on(patch: Patch) -> None:
    patch.setattr(ClientState, "cut_off", lambda self, peer: None)
