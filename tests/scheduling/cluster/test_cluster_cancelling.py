"""Tasks that are no longer wanted: cancelled by their clients, or left behind by them."""

from __future__ import annotations

from weakref import ref

import pytest

from argon.protocol.messages import Assign, Cancel, Entered, FailureKind, Outcome, Status, StillRunning
from tests.support.drivers import BusyCluster, ClusterDriver, submit

# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancel_of_a_queued_task_answers_at_once_that_it_never_ran() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1), submit(2))
    cluster.say(cluster.first_client, Cancel(1))
    outcome = cluster.answers(cluster.first_client)[1]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)
    cluster.finish_oldest(cluster.first_node)
    assert cluster.heard(cluster.first_node, Assign)[1].id == 3


def test_cancel_of_a_running_task_asks_the_node_and_waits_for_its_word() -> None:
    cluster = BusyCluster()
    (assign,) = cluster.heard(cluster.first_node, Assign)
    cluster.say(cluster.first_client, Cancel(100))
    assert cluster.heard(cluster.first_node, Cancel) == [Cancel(assign.id)]
    assert not cluster.answers(cluster.first_client)
    cluster.say(cluster.first_node, Outcome(assign.id, Status.CANCELLED, Entered.YES, 1))
    outcome = cluster.answers(cluster.first_client)[100]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.YES)


@pytest.mark.parametrize(
    ("status", "number", "end"),
    [
        (Status.COMPLETED, 0, Status.COMPLETED),
        (Status.FAILED, FailureKind.RAISED, Status.FAILED),
        (Status.FAILED, FailureKind.WORKER_DIED, Status.CANCELLED),
        (Status.EXPIRED, 0, Status.CANCELLED),
        (Status.LOST, 0, Status.CANCELLED),
    ],
)
def test_outcome_that_arrives_before_the_cancel_wins(status: int, number: int, end: int) -> None:
    cluster = BusyCluster()
    (assign,) = cluster.heard(cluster.first_node, Assign)
    cluster.say(cluster.first_client, Cancel(100))
    cluster.say(cluster.first_node, Outcome(assign.id, status, Entered.NO, 1, failure_kind=number))
    assert cluster.answers(cluster.first_client)[100].status == end


def test_cancel_twice_asks_the_node_once() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Cancel(100), Cancel(100))
    assert len(cluster.heard(cluster.first_node, Cancel)) == 1


def test_cancel_of_an_unknown_or_answered_task_is_ignored() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node)
    assert cluster.say(cluster.first_client, Cancel(100), Cancel(5), Cancel(7, True)) == []


def test_cancel_queued_only_leaves_a_running_task_alone_and_says_so() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Cancel(100, True))
    assert cluster.heard(cluster.first_client, StillRunning) == [StillRunning(100)]
    assert not cluster.heard(cluster.first_node, Cancel)
    cluster.say(cluster.first_client, submit(1), Cancel(1, True))
    assert cluster.answers(cluster.first_client)[1].status == Status.CANCELLED


def test_cancelled_task_of_a_lost_node_is_cancelled() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Cancel(100))
    cluster.lose(cluster.first_node)
    outcome = cluster.answers(cluster.first_client)[100]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.UNKNOWN)


# --- clients gone -----------------------------------------------------------------------------------------------------


def test_client_gone_takes_its_queued_tasks_along_and_cancels_its_running_ones() -> None:
    cluster = BusyCluster()
    other = cluster.client()
    cluster.say(cluster.first_client, submit(1), submit(2))
    cluster.say(other, submit(1))
    cluster.lose(cluster.first_client)
    assert cluster.snapshot().queue_length == 1
    (assign,) = cluster.heard(cluster.first_node, Assign)
    assert cluster.heard(cluster.first_node, Cancel) == [Cancel(assign.id)]
    cluster.say(cluster.first_node, Outcome(assign.id, Status.CANCELLED, Entered.YES, 1))
    assert cluster.counters()["cancelled"] == 3
    assert len(cluster.heard(cluster.first_node, Assign)) == 2
    assert not cluster.heard(cluster.first_client, Outcome)


def test_payload_in_the_queue_is_let_go_with_its_client_though_its_deadline_is_far() -> None:
    cluster = BusyCluster()
    payload = memoryview(b"large")
    held = ref(payload)
    cluster.say(cluster.first_client, submit(1, payload=(payload,), timeout_s=3600.0))
    cluster.lose(cluster.first_client)
    del payload
    assert held() is None


def test_client_gone_while_its_task_is_being_cancelled_frees_the_slot_once() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Cancel(100))
    cluster.lose(cluster.first_client)
    assert len(cluster.heard(cluster.first_node, Cancel)) == 1
    cluster.finish_oldest(cluster.first_node)
    assert cluster.snapshot().in_flight == 0
    assert cluster.counters()["completed"] == 1


@pytest.mark.parametrize(("lost", "entered"), [(True, Entered.UNKNOWN), (False, Entered.NO)])
def test_queued_task_whose_client_is_gone_may_have_run_if_it_was_lost_before(lost: bool, entered: int) -> None:
    cluster = ClusterDriver()
    client, node = cluster.client(), cluster.node(workers=1 if lost else 0)
    cluster.say(client, submit(1, idempotent=True))
    if lost:
        cluster.lose(node)
    cluster.lose(client)
    task = cluster.state.decision_log.task(client, 1)
    assert task is not None
    assert (task.history.status, task.history.entered) == (Status.CANCELLED, entered)


def test_client_gone_with_a_task_that_came_back_takes_it_along() -> None:
    cluster = ClusterDriver()
    client, node = cluster.client(), cluster.node()
    cluster.say(client, submit(1, idempotent=True))
    cluster.lose(node)
    cluster.lose(client)
    assert cluster.snapshot().queue_length == 0
