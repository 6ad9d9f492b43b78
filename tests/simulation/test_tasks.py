"""What the simulation knows of a task by its payload, which a hostile client makes of any bytes."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Submit
from argon.scheduling.task_options import TaskOptions
from tests.simulation.tasks import SimulatedTask, TaskTable

INF = float("inf")
ANY_BYTES = [b"", b"|", b"\x81\xa4", b"\x81|", b"nobody:1|", b"client-0:1", b"client-0:1|", b"client-0:1|" + b"." * 11]


def submit(payload: bytes | tuple[bytes, ...], priority: int = 2) -> Submit:
    return Submit(1, priority, False, 0.0, 50, 0, payload)


@pytest.fixture
def table() -> TaskTable:
    """With one task of an honest client."""
    task = SimulatedTask("client-0:1", "client-0", 1, TaskOptions(), 0, INF, 1.0, padding=10)
    return TaskTable({task.tag: task})


@pytest.mark.parametrize("payload", ANY_BYTES)
def test_payload_of_any_bytes_that_a_hostile_client_has_submitted_is_one_of_its_tasks(
    table: TaskTable, payload: bytes
) -> None:
    table.adopt("hostile-0", submit(payload))
    task = table.of(payload)
    assert (task.tag, task.client, task.stray) == ("hostile-0:stray-1", "hostile-0", True)
    assert table.of((payload[:3], payload[3:])) is task


@pytest.mark.parametrize("payload", ANY_BYTES)
def test_payload_of_any_bytes_that_nobody_has_submitted_is_a_broken_promise(table: TaskTable, payload: bytes) -> None:
    with pytest.raises(AssertionError, match=r"payload"):
        table.of(payload)


def test_payload_that_comes_again_is_the_same_task(table: TaskTable) -> None:
    table.adopt("hostile-0", submit(b"\xff", priority=2))
    task = table.of(b"\xff")
    table.adopt("hostile-0", submit((b"\xff",), priority=0))
    assert table.of(b"\xff") is task


def test_payload_of_a_known_task_is_not_adopted(table: TaskTable) -> None:
    known = table.tasks["client-0:1"]
    table.adopt("hostile-0", submit(known.payload()))
    assert table.of(known.payload()) is known
    assert not table.strays
