"""What futures and the thread that holds the connection ask of each other, and can."""

from __future__ import annotations

import pytest

from argon.client.executor import ExecutorFuture
from argon.client.loop_thread import LoopThread
from argon.client.task_future import TaskFuture
from argon.client.task_owner import LocallyRun, TaskOwner


@pytest.mark.parametrize(
    ("protocol", "kind"), [(TaskOwner, LoopThread), (LocallyRun, TaskFuture), (LocallyRun, ExecutorFuture)]
)
def test_each_side_can_do_what_the_other_asks_of_it(protocol: type, kind: type) -> None:
    methods = {name for name in vars(protocol) if not name.startswith("_")}
    assert len(methods) > 1
    assert {name for name in methods if not callable(getattr(kind, name, None))} == set()
