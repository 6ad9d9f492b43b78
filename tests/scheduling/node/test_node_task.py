"""What is true of a task when it has just come to a node."""

from __future__ import annotations

from math import inf

from argon.protocol.messages import Assign
from argon.scheduling.node.node_task import SHORT_S, NodeTask


def test_new_task_is_nowhere_yet_nothing_is_known_of_it_and_its_end_is_open() -> None:
    task = NodeTask(9, 2, 5, Assign(5, 2, 2, 0.0, 7, b"x"), inf)
    assert (task.id, task.attempt, task.local_task_id) == (9, 2, 5)
    assert (task.worker, task.waits, task.predicted_s) == (0, False, 0.0)
    assert (task.end_as, task.orphan) == (None, False)


def test_task_is_short_only_if_that_is_known() -> None:
    def is_short(predicted_s: float) -> bool:
        return NodeTask(9, 2, 5, Assign(5, 2, 2, 0.0, 7, b"x"), inf, predicted_s=predicted_s).is_short()

    assert [is_short(seconds) for seconds in (0.0, 1e-6, SHORT_S, 1.01 * SHORT_S)] == [False, True, True, False]
