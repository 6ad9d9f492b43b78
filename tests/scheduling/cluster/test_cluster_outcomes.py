"""How tasks end: what their clients are told, and which answers count."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import STATUS_NAMES, Assign, Entered, FailureKind, Outcome, Reject, Status
from tests.support.drivers import BusyCluster, ClusterDriver, completed, given_back, submit


@pytest.mark.parametrize(
    ("status", "failure_kind"),
    [
        (Status.COMPLETED, 0),
        (Status.FAILED, FailureKind.RAISED),
        (Status.FAILED, FailureKind.WORKER_DIED),
        (Status.EXPIRED, 0),
    ],
)
def test_outcome_of_the_node_reaches_the_client_as_it_is(status: int, failure_kind: int) -> None:
    cluster = BusyCluster()
    (assign,) = cluster.heard(cluster.first_node, Assign)
    cluster.now += 1.0
    cluster.say(cluster.first_node, Outcome(assign.id, status, Entered.YES, 1, 0.75, 0.0, 0, failure_kind, b"payload"))
    outcome = cluster.answers(cluster.first_client)[100]
    assert (outcome.status, outcome.entered, outcome.attempt) == (status, Entered.YES, 1)
    assert (outcome.run_s, outcome.failure_kind, outcome.payload) == (0.75, failure_kind, b"payload")
    assert outcome.credits >= 1
    assert cluster.counters()[STATUS_NAMES[status].lower()] == 1


def test_outcome_says_how_long_the_task_waited_in_the_queue() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1))
    cluster.now += 3.0
    cluster.finish_oldest(cluster.first_node, run_s=3.0)
    cluster.now += 1.0
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.answers(cluster.first_client)[100].queued_s == 0.0
    assert cluster.answers(cluster.first_client)[1].queued_s == pytest.approx(3.0)


def test_wait_of_a_task_that_came_back_counts_no_time_on_a_node() -> None:
    cluster = ClusterDriver()
    client, first = cluster.client(), cluster.node()
    cluster.say(client, submit(1, idempotent=True))
    cluster.now += 10.0
    cluster.lose(first)
    cluster.now += 2.0
    second = cluster.node()
    cluster.finish_oldest(second)
    assert cluster.answers(client)[1].queued_s == pytest.approx(2.0)


def test_answer_with_an_old_attempt_is_counted_and_dropped() -> None:
    cluster = BusyCluster()
    (first,) = cluster.heard(cluster.first_node, Assign)
    cluster.say(cluster.first_node, given_back(first))
    second = cluster.heard(cluster.first_node, Assign)[1]
    assert (second.id, second.attempt) == (first.id, 2)
    cluster.say(cluster.first_node, completed(first, payload=b"old"))
    assert not cluster.answers(cluster.first_client)
    assert cluster.counters()["stale_answers"] == 1
    cluster.say(cluster.first_node, completed(second, payload=b"new"))
    assert cluster.answers(cluster.first_client)[100].payload == b"new"


def test_answer_twice_is_counted_and_dropped() -> None:
    cluster = BusyCluster()
    (assign,) = cluster.heard(cluster.first_node, Assign)
    cluster.say(cluster.first_node, completed(assign), completed(assign))
    assert len(cluster.heard(cluster.first_client, Outcome)) == 1
    assert cluster.counters()["stale_answers"] == 1


def test_answer_to_a_task_of_another_node_is_dropped() -> None:
    cluster = BusyCluster()
    stranger = cluster.node(workers=0)
    cluster.say(stranger, completed(cluster.heard(cluster.first_node, Assign)[0]))
    assert not cluster.answers(cluster.first_client)
    assert cluster.counters()["stale_answers"] == 1


def test_node_that_rejects_a_task_it_was_assigned_is_hung_up_on() -> None:
    cluster = BusyCluster()
    (assign,) = cluster.heard(cluster.first_node, Assign)
    cluster.say(cluster.first_node, Reject(assign.id, RejectReason.QUEUE_FULL))
    assert cluster.closed(cluster.first_node)
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
    assert cluster.counters()["rejected"] == 0
