"""What a client has outstanding: its credits, and the few tasks with which an idle client begins."""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.messages import Heartbeat
from argon.scheduling.client.credits import INITIAL_WINDOW_TASKS
from argon.scheduling.task_options import TaskOptions
from tests.support.drivers import ClientDriver


def test_submits_beyond_the_credits_wait_here() -> None:
    client = ClientDriver(credits=2)
    ids = [client.submit() for _ in range(5)]
    assert client.submitted() == ids[:2]
    client.answer(ids[0], credits=2)
    assert client.submitted() == ids[:3]
    client.answer(ids[1], credits=4)
    assert client.submitted() == ids


def test_credits_that_fall_are_heeded() -> None:
    client = ClientDriver(credits=4)
    ids = [client.submit() for _ in range(8)]
    for id_ in ids[:3]:
        client.answer(id_, credits=1)
    assert client.submitted() == ids[:4]
    client.answer(ids[3], credits=1)
    assert client.submitted() == ids[:5]


def test_credits_that_a_heartbeat_brings_are_used_at_once() -> None:
    client = ClientDriver(credits=1)
    ids = [client.submit() for _ in range(5)]
    client.say(Heartbeat(credits=3))
    assert client.submitted() == ids[:3]
    client.say(Heartbeat())
    assert client.state.window(TaskOptions()) == 6
    client.say(Heartbeat(credits=2))
    client.answer(ids[0], credits=2)
    assert client.submitted() == ids[:3]


def test_window_follows_the_credits() -> None:
    client = ClientDriver(credits=None)
    assert client.state.window(TaskOptions()) == 2
    client.connect(credits=50)
    assert client.state.window(TaskOptions()) == 100


def test_window_of_tasks_that_would_be_rejected_beyond_the_credits_is_the_credits() -> None:
    client, hasty = ClientDriver(credits=50), TaskOptions(retries=0)
    assert client.state.window(hasty) == 50
    assert ClientDriver(credits=None).state.window(hasty) == 1


def test_idle_client_begins_with_a_few_tasks_and_goes_on_when_an_answer_tells_what_it_may() -> None:
    client = ClientDriver(credits=100)
    ids = [client.submit() for _ in range(50)]
    assert len(client.submitted()) == INITIAL_WINDOW_TASKS
    client.answer(ids[0], credits=40)
    assert len(client.submitted()) == 41


def test_idle_client_of_long_tasks_goes_on_when_a_heartbeat_tells_what_it_may() -> None:
    client = ClientDriver(credits=100)
    for _ in range(50):
        client.submit()
    client.say(Heartbeat())
    assert len(client.submitted()) == INITIAL_WINDOW_TASKS
    client.say(Heartbeat(credits=40))
    assert len(client.submitted()) == 40


def test_caller_who_wants_to_know_at_once_may_use_all_credits() -> None:
    client = ClientDriver(credits=30)
    for _ in range(35):
        client.submit(retries=0)
    assert len(client.submitted()) == 30
    assert len(client.settled()) == 5


def test_caller_who_wants_to_know_at_once_is_rejected_behind_a_backlog_that_was_not_sent_yet() -> None:
    client = ClientDriver(credits=100)
    for _ in range(300):
        client.submit()
    hasty = client.submit(retries=0)
    assert client.settled()[hasty].reason == RejectReason.QUEUE_FULL
