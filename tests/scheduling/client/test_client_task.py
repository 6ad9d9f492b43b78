"""The record of a task in a client, and the moves that its table allows."""

from __future__ import annotations

import pytest

from argon.scheduling.client.client_task import TRANSITIONS, ClientTask, ClientTaskState
from argon.scheduling.task_options import TaskOptions
from argon.scheduling.transitions import InvalidTransition

NAMES = [state.name for state in TRANSITIONS.states]
ALLOWED = {
    ("WAITING", "SENT"),
    ("WAITING", "SETTLED"),
    ("SENT", "WAITING"),
    ("SENT", "CANCEL_REQUESTED"),
    ("SENT", "ABANDONED"),
    ("SENT", "SETTLED"),
    ("CANCEL_REQUESTED", "ABANDONED"),
    ("CANCEL_REQUESTED", "SETTLED"),
    ("ABANDONED", "SETTLED"),
}


def a_task() -> ClientTask:
    return ClientTask(7, 1, b"work", TaskOptions(), 0.0, 4.0)


def test_new_task_has_been_nowhere_and_keeps_nothing_else() -> None:
    task = a_task()
    assert (task.state, task.rejections) == (ClientTaskState.WAITING, 0)
    assert (task.may_have_run, task.cancel_if_queued, task.is_sent()) == (False,) * 3
    with pytest.raises(AttributeError):
        task.stray = 1  # type: ignore[attr-defined]


def test_names_of_the_table_are_those_of_the_states() -> None:
    assert {name: number for number, name in enumerate(NAMES)} == {
        name: number for name, number in vars(ClientTaskState).items() if name.isupper()
    }


@pytest.mark.parametrize("to", NAMES)
@pytest.mark.parametrize("state", NAMES)
def test_task_makes_the_moves_of_its_table_and_no_other(state: str, to: str) -> None:
    task = a_task()
    task.state = NAMES.index(state)
    if (state, to) in ALLOWED:
        task.move(NAMES.index(to))
        assert task.state == NAMES.index(to)
    else:
        with pytest.raises(InvalidTransition, match=f"task of a client 7 is {state} and cannot become {to}"):
            task.move(NAMES.index(to))
        assert task.state == NAMES.index(state)


@pytest.mark.parametrize("state", NAMES)
def test_task_is_sent_while_its_caller_waits_for_the_clusters_answer(state: str) -> None:
    task = a_task()
    task.state = NAMES.index(state)
    assert task.is_sent() == (state in ("SENT", "CANCEL_REQUESTED"))
