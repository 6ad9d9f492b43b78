"""What is true of a task when it has just come to a node, and which moves it makes from there."""

from __future__ import annotations

from math import inf

import pytest

from argon.protocol.messages import Assign, Status
from argon.scheduling.node.node_task import SHORT_S, NodeTask, NodeTaskState
from argon.scheduling.transitions import InvalidTransition


def a_task(predicted_s: float = 0.0) -> NodeTask:
    return NodeTask(Assign(9, 2, 2, 0.0, 7, b"x"), 5, inf, predicted_s)


def test_new_task_has_no_worker_nothing_is_known_of_it_and_its_end_is_open() -> None:
    task = a_task()
    assert (task.id, task.local_task_id, task.state, task.predicted_s) == (9, 5, NodeTaskState.BUFFERED, 0.0)
    assert (task.is_open(), task.must_end(), task.end_as) == (True, False, Status.LOST)


def test_end_is_open_until_it_is_decided_and_the_worker_is_rid_of_the_task_until_it_has_ended() -> None:
    task = a_task()
    found = []
    for state in (NodeTaskState.ASSIGNED, NodeTaskState.ENDING, NodeTaskState.ORPHANED, NodeTaskState.ENDED):
        task.move(state)
        found.append((task.is_open(), task.must_end()))
    assert found == [(True, False), (False, True), (False, True), (False, False)]


def test_task_that_has_ended_keeps_nothing_of_its_assign_and_never_comes_back() -> None:
    task = a_task()
    task.end()
    assert task.assign.payload == b""
    for state in (NodeTaskState.BUFFERED, NodeTaskState.ASSIGNED, NodeTaskState.ENDING, NodeTaskState.ENDED):
        with pytest.raises(InvalidTransition, match="task on a node 9 is ENDED"):
            task.move(state)


def test_task_that_no_worker_has_is_not_ending_but_ended() -> None:
    with pytest.raises(InvalidTransition):
        a_task().move(NodeTaskState.ENDING)


def test_task_is_short_only_if_that_is_known() -> None:
    assert [a_task(seconds).is_short() for seconds in (0.0, 1e-6, SHORT_S, 1.01 * SHORT_S)] == [
        False,
        True,
        True,
        False,
    ]
