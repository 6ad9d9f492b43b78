"""What must always be true of a client's state machine. Checked after every step in tests."""

from __future__ import annotations

from argon.scheduling.client.client_state import ClientState
from argon.scheduling.client.client_task import ClientTaskState


def check_client(state: ClientState) -> None:
    """Asserts that each task is in one place, and that what is outstanding is counted."""
    states = [task.state for task in state._tasks.values()]
    waiting = states.count(ClientTaskState.WAITING)
    assert ClientTaskState.SETTLED not in states, "a task has ended and is still here"
    assert state._credits.outstanding == len(states) - waiting, "outstanding is off"
    assert state._cluster is not None or not state._credits.outstanding, "something is outstanding on no connection"
    assert len(state._backlog) == waiting, "a task waits outside the backlog, or something else waits in it"
