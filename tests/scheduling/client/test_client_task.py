"""The record of a task in a client."""

from __future__ import annotations

import pytest

from argon.scheduling.client.client_task import ClientTask
from argon.scheduling.task_options import TaskOptions


def test_new_task_has_been_nowhere_and_keeps_nothing_else() -> None:
    task = ClientTask(1, 7, b"work", TaskOptions(), 0.0, 4.0)
    assert (task.waits, task.sent, task.may_have_run, task.cancelled, task.stop_queued) == (False,) * 5
    assert task.rejections == 0
    with pytest.raises(AttributeError):
        task.stray = 1  # type: ignore[attr-defined]
