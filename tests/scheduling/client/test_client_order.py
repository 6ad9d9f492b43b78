"""What a client sends first: by priority, and where the line is too long for its timeouts, the newest."""

from __future__ import annotations

from argon.errors import RejectReason
from tests.support.drivers import ClientDriver


def test_backlog_is_sent_by_priority_then_by_arrival() -> None:
    client = ClientDriver(credits=1)
    first = client.submit()
    ids = {priority: [client.submit(priority=priority) for _ in range(2)] for priority in (3, 0, 2, 4, 1)}
    sent = [first]
    for _ in range(10):
        client.answer(sent[-1], credits=1)
        sent = client.submitted()
    assert sent[1:] == [*ids[0], *ids[1], *ids[2], *ids[3], *ids[4]]


def test_newest_goes_first_where_the_oldest_is_late() -> None:
    client = ClientDriver(credits=1)
    running = client.submit()
    ids = [client.submit(timeout_s=2.0) for _ in range(2)]
    client.wait(0.9)
    ids += [client.submit(timeout_s=2.0) for _ in range(2)]
    client.answer(running, credits=1)
    assert client.submitted() == [running, ids[0]], "all may yet be in time"
    client.wait(0.2)
    client.answer(ids[0], credits=1)
    assert client.submitted()[2:] == [ids[3]]
    client.answer(ids[3], credits=1)
    assert client.submitted()[3:] == [ids[2]]
    client.answer(ids[2], credits=1)
    assert client.submitted()[4:] == [ids[1]]


def late_line() -> tuple[ClientDriver, list[int]]:
    """A client whose backlog is blocked until long after the oldest task of it has lost half of its time."""
    client = ClientDriver(credits=10)
    ids = [client.submit(timeout_s=2.0) for _ in range(3)]
    for id_ in ids:
        client.reject(id_, RejectReason.QUEUE_FULL, 1.8, credits=10)
    client.wait(1.1)
    assert client.submitted() == ids
    return client, ids


def test_new_task_is_tried_at_once_where_the_newest_goes_first_though_the_backlog_is_blocked() -> None:
    client, ids = late_line()
    new = client.submit(timeout_s=2.0)
    assert client.submitted() == [*ids, new]
    client.answer(new, credits=10)
    assert client.submitted()[4:] == [ids[2]], "its answer has made room for one of those that wait"


def test_new_task_is_not_tried_at_once_without_a_timeout_or_behind_a_more_urgent_one() -> None:
    client, ids = late_line()
    client.submit()
    client.submit(timeout_s=2.0, priority=3)
    assert client.submitted() == ids


def test_more_urgent_task_passes_a_blocked_backlog() -> None:
    client = ClientDriver(credits=3)
    low, _, _, waits = (client.submit(priority=priority) for priority in (3, 3, 1, 1))
    sent = client.submitted()
    client.reject(low, RejectReason.QUEUE_FULL, 10.0, credits=5)
    assert client.submitted() == [*sent, waits], "it had no credit before"
    high = client.submit(priority=0)
    client.submit(priority=3)
    assert client.submitted() == [*sent, waits, high]
    client.reject(high, RejectReason.QUEUE_FULL, 10.0, credits=9)
    client.submit(priority=1)
    assert client.submitted() == [*sent, waits, high], "none is more urgent than that"


def test_task_that_has_aged_does_not_pass_the_line_with_those_that_are_more_urgent() -> None:
    client = ClientDriver(credits=1)
    lows = [client.submit(priority=3) for _ in range(3)]
    client.wait(5.0)
    for _ in range(20):
        client.submit(priority=1)
    client.reject(lows[0], RejectReason.QUEUE_FULL, 10.0, credits=30)
    sent = client.submitted()[1:]
    assert len(sent) == 20
    assert not set(sent) & set(lows)


def test_new_tasks_are_tried_at_once_only_now_and_then() -> None:
    client, ids = late_line()
    for _ in range(100):
        client.wait(0.001)
        new = client.submit(timeout_s=2.0)
        if new in client.submitted():
            client.reject(new, RejectReason.QUEUE_FULL, 0.01, credits=10)
    assert 9 <= len(client.submitted()) - len(ids) <= 11
