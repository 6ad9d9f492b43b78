"""The timeouts of tasks: where they wait here, and when they are with the cluster."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Cancel, Entered, Status, Submit
from tests.support.drivers import ClientDriver


def test_timeout_that_passes_in_the_backlog_expires_the_task_unsent() -> None:
    client = ClientDriver(credits=1)
    first, second = client.submit(), client.submit(timeout_s=1.0)
    client.wait(1.1)
    outcome = client.settled()[second]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    client.answer(first)
    assert client.submitted() == [first]


@pytest.mark.parametrize("retries", [0, None])
def test_task_that_comes_too_late_is_never_sent(retries: int | None) -> None:
    client = ClientDriver()
    id_ = client.submit(timeout_s=-0.1, retries=retries)
    outcome = client.settled()[id_]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    assert not client.submitted()


def test_timeout_sent_is_what_remains() -> None:
    client = ClientDriver(credits=1)
    first, _ = client.submit(), client.submit(timeout_s=5.0)
    client.wait(2.0)
    client.answer(first)
    assert client.sent(Submit)[1].timeout_s == pytest.approx(3.0)


def test_timeout_that_passes_in_a_pause_expires_the_task() -> None:
    client = ClientDriver()
    id_ = client.submit(timeout_s=3.0)
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    client.lose()
    client.wait(3.1)
    assert client.settled()[id_].status == Status.EXPIRED


def test_timeout_of_a_sent_task_is_answered_by_the_cluster_or_a_second_later_here() -> None:
    client = ClientDriver()
    answered, silent = client.submit(timeout_s=2.0), client.submit(timeout_s=2.0)
    client.wait(2.5)
    assert not client.settled()
    client.answer(answered, Status.EXPIRED)
    client.wait(0.6)
    assert client.settled()[silent].entered == Entered.UNKNOWN
    assert client.sent(Cancel) == [Cancel(silent)]
    client.answer(silent)
    assert client.settled()[silent].status == Status.EXPIRED
    assert client.state.next_deadline() == client.now + 5.0 - 3.1 % 5.0


def test_leftovers_of_tasks_that_never_were_sent_are_swept() -> None:
    client = ClientDriver(credits=None)
    waiting = client.submit()
    for _ in range(3000):
        client.cancel(client.submit(b"x" * 100, timeout_s=1000.0))
    assert len(client.state._backlog._priorities[2].timed._tasks) < 200
    assert len(client.state._deadlines) < 200
    client.connect()
    assert client.submitted() == [waiting]
