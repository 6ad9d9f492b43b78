"""Whatever callers keep of a task can be settled by the thread that brings the answers."""

from __future__ import annotations

import pytest

from argon.client.client import _Call
from argon.client.executor import ExecutorFuture
from argon.client.task_future import TaskFuture
from argon.client.ticket import Ticket


@pytest.mark.parametrize("kind", [TaskFuture, ExecutorFuture, _Call])
def test_ticket_can_be_asked_and_told_what_every_ticket_can(kind: type) -> None:
    methods = {name for name in vars(Ticket) if not name.startswith("_")}
    assert methods >= {"done", "settle"}
    assert {name for name in methods if not callable(getattr(kind, name, None))} == set()
