"""Whatever callers keep of a task can be settled by the shell."""

from __future__ import annotations

import pytest

from argon.client.async_future import AsyncFuture
from argon.client.client import _Call
from argon.client.executor import ExecutorFuture
from argon.client.task_future import TaskFuture
from argon.client.ticket import Ticket
from tests.support.slip import Slip


@pytest.mark.parametrize("kind", [TaskFuture, ExecutorFuture, _Call, AsyncFuture, Slip])
def test_ticket_can_be_asked_and_settled_as_every_ticket_can(kind: type) -> None:
    methods = {name for name in vars(Ticket) if not name.startswith("_")}
    assert methods >= {"done", "settle"}
    assert {name for name in methods if not callable(getattr(kind, name, None))} == set()
