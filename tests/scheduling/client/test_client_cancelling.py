"""Tasks that their callers cancel: answered here while they wait here, and else by the cluster."""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.messages import Cancel, Entered, Status, StillRunning
from argon.scheduling.effects import CancelTooLate
from tests.support.drivers import ClientDriver


def test_cancel_of_a_waiting_task_is_answered_here() -> None:
    client = ClientDriver(credits=1)
    first, second = client.submit(), client.submit()
    client.cancel(second)
    outcome = client.settled()[second]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)
    client.answer(first)
    assert client.submitted() == [first]
    assert not client.sent(Cancel)


def test_cancel_of_a_task_in_a_pause_is_answered_here() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    client.cancel(id_)
    assert client.settled()[id_].status == Status.CANCELLED
    client.wait(5.0)
    assert len(client.submitted()) == 1


def test_cancel_of_a_sent_task_asks_the_cluster_once_and_waits() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_)
    client.cancel(id_)
    assert client.sent(Cancel) == [Cancel(id_, False)]
    assert not client.settled()
    client.answer(id_)
    assert client.settled()[id_].status == Status.COMPLETED, "the outcome that arrives first wins"


def test_cancel_of_an_unknown_task_is_ignored() -> None:
    assert ClientDriver().cancel(99) == []


def test_cancelled_task_that_is_rejected_is_not_tried_again() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_)
    client.reject(id_, RejectReason.QUEUE_FULL, 0.1)
    assert (client.settled()[id_].status, client.settled()[id_].entered) == (Status.CANCELLED, Entered.NO)
    client.wait(5.0)
    assert len(client.submitted()) == 1


def test_cancel_queued_only_that_crosses_a_rejection_has_its_way() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)
    assert client.settled()[id_].status == Status.CANCELLED


def test_cancel_queued_only_that_came_too_late_is_forgotten() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    client.say(StillRunning(id_))
    client.reject(id_, RejectReason.QUEUE_FULL, 1.0)  # its node was lost in between
    assert id_ not in client.settled()


def test_cancel_queued_only_that_comes_too_late_is_reported_and_the_task_goes_on() -> None:
    client = ClientDriver()
    id_ = client.submit()
    client.cancel(id_, queued_only=True)
    assert client.sent(Cancel) == [Cancel(id_, True)]
    assert client.say(StillRunning(id_)) == [CancelTooLate(id_)]
    client.cancel(id_)
    assert client.sent(Cancel)[-1] == Cancel(id_, False), "it may still be cancelled for good"
    client.answer(id_)
    assert client.settled()[id_].status == Status.COMPLETED
    assert client.say(StillRunning(id_)) == [], "nothing more is said of a task that has its answer"
