"""What a cluster answers to a task that comes: each limit, ids in use, and payloads announced before they come."""

from __future__ import annotations

from math import inf

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Announced, Assign, Cancel, Entered, Heartbeat, Outcome, Oversized, Status, Welcome
from argon.scheduling.effects import DiscardPayload
from tests.support.drivers import BusyCluster, ClusterDriver, completed, submit

# --- admission --------------------------------------------------------------------------------------------------------


def test_client_that_connects_is_welcomed_with_limits_and_credits() -> None:
    cluster = ClusterDriver(max_payload_bytes=1000, heartbeat_s=2.0, dead_after_s=7.0, queue_limit=50)
    client = cluster.client()
    assert cluster.heard(client, Welcome) == [Welcome(client, 50, 1000, 2.0, 7.0)]


def test_submit_when_a_worker_is_free_is_assigned_at_once_with_all_it_carries() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(7, priority=1, payload=b"payload", timeout_s=2.0, kind=9))
    assert cluster.heard(node, Assign) == [Assign(1, 1, 1, 2.0, 9, b"payload")]
    assert not cluster.heard(client, Outcome), "silence is admission"


def test_submit_when_every_worker_is_busy_waits_its_turn() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1), submit(2))
    assert len(cluster.heard(cluster.first_node, Assign)) == 1
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert len(cluster.heard(cluster.first_node, Assign)) == 2


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_submit_when_queue_is_full_is_rejected(limit: int) -> None:
    cluster = BusyCluster(queue_limit=limit)
    others = [cluster.client() for _ in range(limit)]
    for other in others:
        cluster.say(other, submit(1))
    assert not any(cluster.answers(other) for other in others)
    late = cluster.client()
    cluster.say(late, submit(1))
    outcome = cluster.answers(late)[1]
    assert (outcome.status, outcome.reason) == (Status.REJECTED, RejectReason.QUEUE_FULL)
    assert outcome.entered == Entered.NO
    assert outcome.retry_after_s > 0.0
    assert cluster.snapshot().queue_length == limit


def test_queue_limit_counts_only_what_waits() -> None:
    cluster = ClusterDriver(queue_limit=2)
    cluster.node(workers=3)
    clients = [cluster.client() for _ in range(5)]
    for client in clients:
        cluster.say(client, submit(1))
    assert not any(cluster.answers(client) for client in clients)
    assert cluster.snapshot().queue_length == 2


def test_submit_when_queue_bytes_are_used_up_is_rejected() -> None:
    cluster = BusyCluster(queue_bytes=100)
    cluster.say(
        cluster.first_client, submit(1, payload=b"x" * 60), submit(2, payload=b"x" * 41), submit(3, payload=b"x" * 40)
    )
    answers = cluster.answers(cluster.first_client)
    assert [*answers] == [2]
    assert answers[2].reason == RejectReason.QUEUE_BYTES


def test_submit_when_no_node_is_there_is_rejected() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    cluster.say(client, submit(1))
    assert cluster.answers(client)[1].reason == RejectReason.NO_NODES


def test_submit_that_would_miss_its_deadline_is_rejected() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    cluster.say(cluster.first_client, submit(1), submit(2), submit(3))
    cluster.say(cluster.first_client, submit(4, timeout_s=2.5), submit(5, timeout_s=4.0))
    answers = cluster.answers(cluster.first_client)
    assert answers[4].reason == RejectReason.DEADLINE
    assert 5 not in answers


def test_submit_beyond_the_allowance_is_rejected_even_when_workers_are_free() -> None:
    cluster = ClusterDriver(queue_limit=2)
    cluster.node(workers=1)
    client = cluster.client()
    (welcome,) = cluster.heard(client, Welcome)
    assert welcome.credits == 3
    cluster.node(workers=10)
    cluster.say(client, *(submit(id_) for id_ in range(6)))
    rejected = {id_: outcome.reason for id_, outcome in cluster.answers(client).items()}
    assert rejected == {3: RejectReason.CLIENT_LIMIT, 4: RejectReason.CLIENT_LIMIT, 5: RejectReason.CLIENT_LIMIT}


def test_task_id_in_use_ends_the_connection() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(100), submit(101))
    assert cluster.closed(cluster.first_client) == ["task id 100 is already in use"]
    assert cluster.heard(cluster.first_node, Cancel) == [Cancel(1)]
    assert cluster.counters()["accepted"] == 1


def test_task_id_used_by_another_client_is_another_task() -> None:
    cluster = ClusterDriver()
    node, one, two = cluster.node(workers=2), cluster.client(), cluster.client()
    cluster.say(one, submit(1, payload=b"one"))
    cluster.say(two, submit(1, payload=b"two"))
    first, second = cluster.heard(node, Assign)
    assert first.id != second.id
    cluster.say(node, completed(second, payload=b"two"))
    assert cluster.answers(two)[1].payload == b"two"
    assert not cluster.answers(one)


def test_task_id_that_was_answered_may_be_used_again() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node)
    cluster.say(cluster.first_client, submit(100))
    assert len(cluster.heard(cluster.first_node, Assign)) == 2


def test_retry_after_follows_the_predicted_wait_and_is_spread() -> None:
    cluster = BusyCluster(queue_limit=10, queue_target_s=inf)
    cluster.finish_oldest(cluster.first_node, run_s=2.0)
    cluster.say(cluster.first_client, *(submit(id_) for id_ in range(11)))
    late = [cluster.client() for _ in range(50)]
    for peer in late:
        cluster.say(peer, submit(1))
    pauses = [cluster.answers(peer)[1].retry_after_s for peer in late]
    assert all(2.0 <= pause <= 7.5 for pause in pauses), "one of two seconds runs, and one goes before each"
    assert max(pauses) - min(pauses) > 4.0


# --- large payloads ---------------------------------------------------------------------------------------------------


def test_large_payload_announced_is_admitted_by_its_header_and_books_its_place() -> None:
    cluster = BusyCluster(queue_limit=1, queue_bytes=1000)
    other = cluster.client()
    assert cluster.say(cluster.first_client, Announced(submit(1, payload=b""), 900)) == []
    cluster.say(other, submit(1))
    assert cluster.answers(other)[1].reason == RejectReason.QUEUE_FULL
    cluster.say(cluster.first_client, submit(1, payload=(b"x" * 400, b"x" * 500)))
    assert 1 not in cluster.answers(cluster.first_client)
    assert cluster.snapshot().queue_bytes == 900


def test_large_payload_rejected_is_discarded_before_it_comes() -> None:
    cluster = BusyCluster(queue_bytes=1000)
    cluster.say(cluster.first_client, submit(1, payload=b"x"))
    effects = cluster.say(cluster.first_client, Announced(submit(2, payload=b""), 1000))
    assert DiscardPayload(cluster.first_client) in effects
    assert cluster.answers(cluster.first_client)[2].reason == RejectReason.QUEUE_BYTES


def test_large_payload_admitted_is_never_rejected_later() -> None:
    cluster = BusyCluster(queue_limit=1)
    cluster.say(cluster.first_client, Announced(submit(1, payload=b""), 900))
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    other = cluster.client()
    cluster.say(other, submit(1))
    cluster.drain()
    cluster.say(cluster.first_client, submit(1, payload=b"x" * 900))
    assert 1 not in cluster.answers(cluster.first_client)
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.answers(cluster.first_client)[1].status == Status.COMPLETED


def test_large_payload_on_its_way_is_one_of_those_that_its_client_may_have() -> None:
    cluster = ClusterDriver(client_limit=1)
    cluster.node(workers=4)
    client = cluster.client()
    cluster.say(client, Announced(submit(1, payload=b""), 1_000_000), submit(2))
    assert cluster.answers(client)[2].reason == RejectReason.CLIENT_LIMIT
    cluster.say(client, submit(1, payload=b"x" * 1_000_000))
    assert [*cluster.answers(client)] == [2]


def test_client_gone_in_the_middle_of_a_large_payload_frees_its_place() -> None:
    cluster = BusyCluster(queue_limit=1)
    cluster.say(cluster.first_client, Announced(submit(1, payload=b""), 900))
    cluster.lose(cluster.first_client)
    other = cluster.client()
    cluster.say(other, submit(1))
    assert not cluster.answers(other)


def test_payload_over_the_limit_is_rejected_as_too_large_and_not_to_be_tried_again() -> None:
    cluster = ClusterDriver()
    cluster.node()
    client = cluster.client()
    cluster.say(client, Oversized(1, 1 << 30))
    outcome = cluster.answers(client)[1]
    assert (outcome.reason, outcome.retry_after_s) == (RejectReason.TOO_LARGE, 0.0)


def test_payload_over_max_payload_bytes_announced_is_too_large() -> None:
    cluster = BusyCluster(max_payload_bytes=1000)
    cluster.say(cluster.first_client, Announced(submit(1, payload=b""), 1001), Heartbeat())
    assert cluster.answers(cluster.first_client)[1].reason == RejectReason.TOO_LARGE


def test_payload_that_was_announced_finds_ahead_of_it_what_waits_when_it_comes() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    other = cluster.client()
    cluster.say(cluster.first_client, submit(1), Announced(submit(2, payload=b""), 900))
    cluster.say(other, *(submit(id_) for id_ in range(3)))
    cluster.say(cluster.first_client, submit(2, payload=bytes(900)))
    session = cluster.state.clients.get(cluster.first_client)
    assert session is not None
    forecast = session.tasks[2].history.forecast
    assert forecast is not None
    assert (forecast.queue_length, forecast.work_s) == (3, 1.0)
