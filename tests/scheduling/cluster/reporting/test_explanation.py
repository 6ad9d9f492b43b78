"""What a cluster says of a task that somebody asks about, whatever became of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from argon.protocol.messages import (
    Announced,
    Assign,
    Cancel,
    Capacity,
    ExplainReply,
    ExplainRequest,
    Oversized,
    Reject,
)
from argon.scheduling.cluster.reporting.explanation import Explanation
from tests.support.drivers import ClusterDriver, completed, given_back, submit


def explained(cluster: ClusterDriver, session: int, sequence: int) -> Any:
    """The cluster's answer, asked for by another client."""
    asker = cluster.client()
    cluster.say(asker, ExplainRequest(session, sequence))
    (reply,) = cluster.heard(asker, ExplainReply)
    return msgspec.convert(msgspec.json.decode(reply.text), Explanation)


def last(cluster: ClusterDriver, node: int) -> Assign:
    return cluster.heard(node, Assign)[-1]


@pytest.fixture
def cluster() -> ClusterDriver:
    return ClusterDriver(queue_limit=2)


def test_task_that_never_came_is_unknown(cluster: ClusterDriver) -> None:
    assert explained(cluster, 1, 1) == Explanation("1.1", "unknown")
    assert explained(cluster, -1, 1 << 63).state == "unknown"


def test_completed_task_tells_what_it_took_and_what_was_predicted(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    for id_, run_s in ((1, 0.2), (2, 0.25)):
        cluster.say(client, submit(id_, timeout_s=9.0, idempotent=True, key=5))
        cluster.wait(0.3)
        cluster.say(node, completed(last(cluster, node), run_s=run_s))
    told = explained(cluster, client, 2)
    assert (told.state, told.priority, told.size_bytes, told.timeout_s) == ("completed", "NORMAL", 4, 9.0)
    assert (told.idempotent, told.keyed, told.may_have_run) == (True, True, "yes")
    assert (told.forecast, told.waited_s, told.run_s) == (None, 0.0, 0.25)
    assert told.answered_after_s == pytest.approx(0.3)
    (attempt,) = told.attempts
    assert (attempt["node"], attempt["choice"], attempt["free_nodes"]) == ("node-1", "free worker", 1)
    assert (attempt["predicted_run_s"], attempt["measured_there"], attempt["next_node"]) == (0.2, True, None)


def test_task_of_a_kind_never_seen_has_no_prediction(cluster: ClusterDriver) -> None:
    cluster.node()
    client = cluster.client()
    cluster.say(client, submit(1))
    told = explained(cluster, client, 1)
    assert told.state == "assigned"
    assert (told.attempts[0]["predicted_run_s"], told.attempts[0]["measured_there"]) == (None, False)
    assert (told.run_s, told.answered_after_s) == (None, None)


def test_second_best_node_is_named_with_what_it_would_have_taken() -> None:
    cluster = ClusterDriver()
    nodes, client = [cluster.node() for _ in range(3)], cluster.client()
    cluster.say(client, submit(1), submit(2), submit(3))
    for node, run_s in zip(nodes, (3.0, 1.0, 2.0), strict=True):
        cluster.say(node, completed(last(cluster, node), run_s=run_s))
    cluster.say(client, submit(9))
    (attempt,) = explained(cluster, client, 9).attempts
    assert (attempt["node"], attempt["free_nodes"]) == ("node-2", 3)
    assert (attempt["next_node"], attempt["next_predicted_s"]) == ("node-3", 2.0)


def test_queued_task_tells_what_was_ahead_of_it_and_what_waits_now(cluster: ClusterDriver) -> None:
    node, client, other = cluster.node(), cluster.client(), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(node, completed(last(cluster, node), run_s=0.5))
    cluster.say(client, submit(2), submit(3, priority=0))
    cluster.say(other, submit(1))
    cluster.wait(0.25)
    told = explained(cluster, other, 1)
    assert (told.state, told.waited_s, told.attempts) == ("queued", 0.25, [])
    assert told.forecast is not None
    assert (told.forecast["queue_length"], told.forecast["in_flight"], told.forecast["workers"]) == (1, 1, 1)
    assert (told.forecast["work_s"], told.forecast["wait_s"]) == (0.5, 1.0)
    assert (told.waiting_now, told.own_waiting_now) == ({"MAX": 1, "NORMAL": 1}, 1)


def test_forecast_without_workers_says_that_there_are_none(cluster: ClusterDriver) -> None:
    cluster.node(workers=0)
    client = cluster.client()
    cluster.say(client, submit(1))
    told = explained(cluster, client, 1)
    assert told.forecast is not None
    assert told.forecast["workers"] == 0


def test_task_that_came_back_tells_each_attempt_and_why(cluster: ClusterDriver) -> None:
    first, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1, idempotent=True))
    cluster.say(first, given_back(last(cluster, first)))
    cluster.lose(first)
    assert explained(cluster, client, 1).state == "queued"
    second = cluster.node()
    told = explained(cluster, client, 1)
    assert (told.state, told.attempt) == ("assigned", 3)
    assert [(attempt["node"], attempt["end"]) for attempt in told.attempts] == [
        ("node-1", "it had not started there"),
        ("node-1", "its node was lost"),
        (f"node-{second}", None),
    ]


@pytest.mark.parametrize(("reason", "why"), [("node lost", "lost"), ("expired", "expired"), ("cancelled", "cancelled")])
def test_task_that_did_not_complete_tells_how_it_ended(cluster: ClusterDriver, reason: str, why: str) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2, timeout_s=1.0))
    match reason:
        case "node lost":
            cluster.lose(node)
            told = explained(cluster, client, 1)
            assert told.may_have_run == "unknown"
        case "expired":
            cluster.wait(2.0)
            told = explained(cluster, client, 2)
            assert (told.waited_s, told.may_have_run, told.attempts) == (1.0, "no", [])
        case _:
            cluster.say(client, Cancel(2))
            told = explained(cluster, client, 2)
    assert told.state == why


def test_task_whose_client_has_left_is_remembered_and_nobody_was_answered(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2))
    cluster.lose(client)
    assert explained(cluster, client, 1).state == "cancelling"
    queued = explained(cluster, client, 2)
    assert (queued.state, queued.may_have_run, queued.waited_s, queued.answered_after_s) == (
        "cancelled",
        "no",
        None,
        None,
    )
    cluster.say(node, completed(last(cluster, node)))
    assert (told := explained(cluster, client, 1)).state == "completed"
    assert told.answered_after_s is None


def test_rejected_task_tells_the_numbers_of_that_moment_and_how_often(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(node, completed(last(cluster, node), run_s=0.5))
    cluster.say(client, *(submit(id_) for id_ in range(2, 5)))
    other = cluster.client()
    for _ in range(3):
        cluster.say(other, submit(7, payload=b"12345", timeout_s=0.25))
    told = explained(cluster, other, 7)
    assert (told.state, told.priority, told.attempts) == ("rejected", None, [])
    said = told.rejection
    assert said is not None
    assert (said["times"], said["reason"]) == (3, "QUEUE_FULL")
    forecast = said["forecast"]
    assert (forecast["queue_length"], forecast["queue_bytes"], forecast["size_bytes"]) == (2, 8, 5)
    assert (forecast["timeout_s"], forecast["run_s"], forecast["work_s"], forecast["wait_s"]) == (0.25, 0.5, 0.5, 1.0)
    assert (forecast["workers"], forecast["nodes"], forecast["outstanding"]) == (1, 1, 0)
    assert said["retry_after_s"] == pytest.approx(cluster.heard(other, Reject)[-1].retry_after_s)


def test_task_rejected_for_its_deadline_tells_the_wait_for_which_it_was(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(node, completed(last(cluster, node), run_s=10.0))
    cluster.say(client, submit(2))
    cluster.say(client, submit(3, timeout_s=9.0))
    assert (said := explained(cluster, client, 3).rejection) is not None
    assert (said["reason"], said["forecast"]["work_s"]) == ("DEADLINE", 0.0)
    assert said["forecast"]["wait_s"] == 10.0, "for what runs on the node"
    assert said["forecast"]["may_wait_s"] is None


def test_task_that_would_have_waited_too_long_tells_what_was_allowed() -> None:
    cluster = ClusterDriver(queue_target_s=0.4)
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(node, completed(last(cluster, node), run_s=0.5))
    cluster.say(client, *(submit(id_) for id_ in range(2, 6)))
    assert (said := explained(cluster, client, 5).rejection) is not None
    assert (said["reason"], said["forecast"]["wait_s"], said["forecast"]["may_wait_s"]) == ("QUEUE_FULL", 1.0, 0.8)


def test_large_task_tells_what_was_ahead_of_it_when_it_had_come(cluster: ClusterDriver) -> None:
    node, client, other = cluster.node(), cluster.client(), cluster.client()
    cluster.say(other, submit(1))
    cluster.say(node, completed(last(cluster, node), run_s=0.5))
    cluster.say(client, Announced(submit(1, payload=b""), 1_000_000))
    cluster.say(other, submit(2), submit(3, priority=0))
    cluster.say(client, submit(1, payload=b"x" * 1_000_000))
    assert (said := explained(cluster, client, 1).forecast) is not None
    assert (said["queue_length"], said["work_s"]) == (1, 0.5), "whatever was asked about in between"


def test_task_that_was_too_large_is_remembered(cluster: ClusterDriver) -> None:
    client = cluster.client()
    cluster.say(client, Oversized(4, 10**9))
    told = explained(cluster, client, 4)
    assert told.rejection is not None
    assert (told.rejection["reason"], told.rejection["forecast"]["size_bytes"]) == ("TOO_LARGE", 10**9)


def test_task_that_was_admitted_at_last_tells_how_often_it_was_rejected_before(cluster: ClusterDriver) -> None:
    client = cluster.client()
    cluster.say(client, submit(1))
    cluster.node()
    cluster.say(client, submit(1))
    told = explained(cluster, client, 1)
    assert told.state == "assigned"
    assert told.rejection is not None
    assert (told.rejection["times"], told.rejection["reason"]) == (1, "NO_NODES")


def test_what_was_said_before_a_capacity_is_not_changed_by_it(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2))
    cluster.say(node, Capacity(64))
    told = explained(cluster, client, 2)
    assert told.forecast is not None
    assert told.forecast["workers"] == 1


def test_payloads_of_ended_tasks_are_not_kept(cluster: ClusterDriver) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2), submit(3, timeout_s=1.0))
    cluster.say(client, Cancel(2))
    cluster.say(node, completed(last(cluster, node)))
    cluster.say(node, completed(last(cluster, node)))
    cluster.lose(client)
    kept = [cluster.state.decision_log.task(client, sequence) for sequence in (1, 2, 3)]
    assert [task.payload for task in kept if task is not None] == [b""] * 3


def test_task_that_has_aged_tells_how_long_it_waited_where_and_that_its_turn_came_by_age(
    cluster: ClusterDriver,
) -> None:
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1), submit(2, priority=0), submit(3, priority=4, waited_s=5.0))
    assert (explained(cluster, client, 3).waited_in_client_s, explained(cluster, client, 3).turn_by_age) == (5.0, False)
    cluster.wait(0.5)
    cluster.say(node, completed(last(cluster, node)))
    told = explained(cluster, client, 3)
    assert (told.state, told.waited_in_client_s, told.waited_s, told.turn_by_age) == ("assigned", 5.0, 0.5, True)
