"""The state machine of the cluster: what each event makes it say. `check_cluster` runs after every call."""

from __future__ import annotations

import json
from math import inf, nan
from weakref import ref

import pytest

from argon.errors import RejectReason
from argon.protocol.codec import encode
from argon.protocol.messages import (
    STATUS_NAMES,
    Announced,
    Assign,
    Cancel,
    Capacity,
    Drain,
    Entered,
    ExplainReply,
    ExplainRequest,
    FailureKind,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Oversized,
    Register,
    Reject,
    Status,
    StatusReply,
    StatusRequest,
    StillRunning,
    Submit,
    Welcome,
)
from argon.scheduling.cluster.cluster_state import ATTEMPTS_MAX, RETURNS_MAX
from argon.scheduling.cluster.probation import COOL_DOWN_S
from argon.scheduling.cluster.shutdown import CLIENTS_LEAVE_S
from argon.scheduling.effects import Close, DiscardPayload, Send, Stop
from tests.support.drivers import KIND, BusyCluster, ClusterDriver, completed, detail, given_back, submit

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


# --- credits ----------------------------------------------------------------------------------------------------------


def test_credits_are_shared_by_the_clients_that_have_tasks() -> None:
    cluster = ClusterDriver(queue_limit=100)
    node = cluster.node(workers=4)
    one, two = cluster.client(), cluster.client()
    cluster.say(one, submit(1), submit(2))
    cluster.say(two, submit(1), submit(2))
    cluster.wait(0.1)
    first, *_ = cluster.heard(node, Assign)
    cluster.say(node, completed(first))
    assert cluster.answers(one)[1].credits == 52


def test_allowance_falls_by_at_most_one_an_answer() -> None:
    cluster = ClusterDriver(queue_limit=10)
    cluster.node(workers=1)
    client = cluster.client()
    for _ in range(9):  # nine more clients come, and each takes a share
        cluster.say(cluster.client(), submit(1))
    cluster.say(client, *(submit(id_) for id_ in range(11)))
    answers = cluster.answers(client)
    assert all(answer.reason != RejectReason.CLIENT_LIMIT for answer in answers.values()), (
        "it heeded its eleven credits"
    )


def test_client_that_ignores_its_credits_keeps_what_was_admitted_and_gets_no_more() -> None:
    cluster = ClusterDriver(queue_limit=10)
    cluster.node(workers=30)
    client = cluster.client()
    cluster.say(client, *(submit(id_) for id_ in range(30)))
    for _ in range(9):  # nine more clients come, and each takes a share
        cluster.say(cluster.client(), submit(1))
    cluster.wait(0.1)
    for id_ in range(100, 140):
        cluster.say(client, submit(id_))
    answers = cluster.answers(client)
    assert [*answers] == [*range(101, 140)]
    assert answers[139].reason == RejectReason.CLIENT_LIMIT
    assert answers[139].credits == 4 + 9 * 3, "its share, and what nine leave of theirs"


def test_client_with_a_million_items_that_heeds_its_credits_is_never_rejected() -> None:
    cluster = ClusterDriver(queue_limit=8)
    node, client = cluster.node(workers=2), cluster.client()
    credits, next_id, done = cluster.heard(client, Welcome)[0].credits, 0, 0
    while done < 300:
        while next_id - done < credits:
            cluster.say(client, submit(next_id))
            next_id += 1
        cluster.now += 0.1
        cluster.finish_oldest(node, run_s=0.1)
        done += 1
        credits = cluster.heard(client, Outcome)[-1].credits
    assert cluster.counters()["rejected"] == 0
    assert cluster.snapshot().in_flight == 2


def test_heartbeats_tell_clients_of_room_that_has_come_since() -> None:
    cluster = ClusterDriver(queue_limit=2, heartbeat_s=1.0)
    client = cluster.client()
    assert cluster.heard(client, Welcome)[0].credits == 2
    node = cluster.node(workers=8)
    cluster.say(client, submit(1))
    cluster.wait(1.0)
    assert cluster.heard(client, Heartbeat) == [Heartbeat(credits=10)]
    assert cluster.heard(node, Heartbeat) == [Heartbeat(credits=0)]
    cluster.say(client, *(submit(id_) for id_ in range(2, 11)))
    assert not cluster.answers(client)
    assert cluster.snapshot().in_flight == 8


def test_heartbeats_take_no_credits_away() -> None:
    cluster = ClusterDriver(queue_limit=10, heartbeat_s=1.0)
    cluster.node(workers=1)
    client = cluster.client()
    for _ in range(10):
        cluster.say(cluster.client(), submit(1))
    cluster.wait(3.0)
    cluster.say(client, *(submit(id_) for id_ in range(11)))
    answers = cluster.answers(client).values()
    assert all(answer.reason == RejectReason.QUEUE_FULL for answer in answers), "it was promised eleven, and heeds them"


# --- outcomes ---------------------------------------------------------------------------------------------------------


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


# --- nodes lost and tasks given back ----------------------------------------------------------------------------------


def test_node_lost_fails_exactly_what_was_routed_to_it() -> None:
    cluster = ClusterDriver()
    one, two, client = cluster.node(name="one"), cluster.node(name="two"), cluster.client()
    cluster.say(client, submit(1), submit(2), submit(3))
    (on_one,) = cluster.heard(one, Assign)
    lost_id = on_one.id  # the client's numbers are the cluster's here
    cluster.lose(one)
    (outcome,) = cluster.answers(client).values()
    assert (outcome.id, outcome.status, outcome.entered) == (lost_id, Status.LOST, Entered.UNKNOWN)
    assert detail(outcome).node == "one"
    assert outcome.attempt == 1
    assert len(cluster.heard(two, Assign)) == 1
    assert cluster.counters()["lost"] == 1


def test_idempotent_task_of_a_lost_node_runs_again_with_its_payload() -> None:
    cluster = ClusterDriver()
    one, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1, payload=b"payload", idempotent=True))
    two = cluster.node()
    cluster.lose(one)
    (assign,) = cluster.heard(two, Assign)
    assert (assign.attempt, assign.payload) == (2, b"payload")
    assert not cluster.answers(client)
    assert cluster.counters()["requeued"] == 1


def test_idempotent_task_is_lost_after_its_last_attempt() -> None:
    cluster = ClusterDriver()
    client, node = cluster.client(), cluster.node()
    cluster.say(client, submit(1, idempotent=True))
    for _ in range(ATTEMPTS_MAX - 1):
        cluster.lose(node)
        assert not cluster.answers(client)
        node = cluster.node()
    cluster.lose(node)
    outcome = cluster.answers(client)[1]
    assert (outcome.status, outcome.attempt) == (Status.LOST, ATTEMPTS_MAX)


def test_returns_of_an_idempotent_task_that_was_not_begun_take_none_of_its_attempts() -> None:
    cluster = ClusterDriver()
    client, node = cluster.client(), cluster.node()
    cluster.say(client, submit(1, idempotent=True))
    for _ in range(ATTEMPTS_MAX):
        cluster.give_back_oldest(node)
    for _ in range(ATTEMPTS_MAX - 1):
        cluster.lose(node)
        assert not cluster.answers(client)
        node = cluster.node()
    cluster.lose(node)
    assert cluster.answers(client)[1].status == Status.LOST


def test_idempotent_task_that_came_back_is_never_rejected_and_breaks_no_limit() -> None:
    cluster = ClusterDriver(queue_limit=2)
    client, node = cluster.client(), cluster.node(workers=3)
    others = [cluster.client() for _ in range(4)]
    for peer in [client, *others]:
        cluster.say(peer, submit(1, idempotent=True))
    cluster.lose(node)
    assert cluster.snapshot().queue_length == 5
    assert not any(cluster.answers(peer) for peer in [client, *others])


def test_task_given_back_by_a_node_runs_elsewhere_with_its_payload() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1, payload=b"payload"))
    other = cluster.node()
    cluster.say(node, Drain(), given_back(cluster.heard(node, Assign)[0]))
    (assign,) = cluster.heard(other, Assign)
    assert (assign.attempt, assign.payload) == (2, b"payload")
    cluster.say(other, completed(assign))
    assert cluster.answers(client)[1].status == Status.COMPLETED


def test_task_given_back_again_and_again_is_lost_in_the_end() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1))
    for _ in range(RETURNS_MAX):
        cluster.give_back_oldest(node)
    assert len(cluster.heard(node, Assign)) == RETURNS_MAX
    assert cluster.answers(client)[1].status == Status.LOST


def test_task_given_back_goes_before_what_waits() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1, priority=0))
    cluster.give_back_oldest(cluster.first_node)
    first, second = cluster.heard(cluster.first_node, Assign)
    assert second.id == first.id


def test_task_given_back_out_of_order_is_in_one_room_only() -> None:
    cluster = BusyCluster()
    one = cluster.first_client
    two = cluster.client()
    cluster.say(one, submit(1), submit(2))
    cluster.say(two, submit(1), submit(2))
    for turn in range(1, 4):
        cluster.finish_oldest(cluster.first_node, run_s=1.0)
        cluster.give_back_oldest(cluster.first_node)
        assert len(cluster.heard(cluster.first_node, Assign)) == 1 + 2 * turn


def test_may_have_run_of_a_task_that_came_back_from_a_lost_node_is_never_no() -> None:
    def ended_by(end: str) -> Outcome:
        cluster = ClusterDriver()
        client, node = cluster.client(), cluster.node()
        cluster.say(client, submit(1, idempotent=True, timeout_s=5.0))
        cluster.lose(node)
        if end == "cancel":
            cluster.say(client, Cancel(1))
        elif end == "deadline":
            cluster.wait(6.0)
        elif end == "drain":
            cluster.drain(0.0)
        else:
            again = cluster.node()
            (assign,) = cluster.heard(again, Assign)
            cluster.say(again, Outcome(assign.id, Status.EXPIRED, Entered.NO, assign.attempt))
        return cluster.answers(client)[1]

    ends = {end: ended_by(end) for end in ("cancel", "deadline", "drain", "second node")}
    assert {end: outcome.status for end, outcome in ends.items()} == {
        "cancel": Status.CANCELLED,
        "deadline": Status.EXPIRED,
        "drain": Status.LOST,
        "second node": Status.EXPIRED,
    }
    assert all(outcome.entered == Entered.UNKNOWN for outcome in ends.values())


def test_deadline_of_a_task_that_came_back_is_answered_once() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1, idempotent=True, timeout_s=5.0))  # waits, so that its deadline is noted
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    cluster.lose(cluster.first_node)
    cluster.wait(6.0)
    assert cluster.answers(cluster.first_client)[1].status == Status.EXPIRED
    assert cluster.counters()["expired"] == 1


# --- deadlines --------------------------------------------------------------------------------------------------------


def test_deadline_passed_in_the_queue_expires_the_task_before_it_starts() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1, timeout_s=2.0))
    cluster.wait(1.9)
    assert 1 not in cluster.answers(cluster.first_client)
    cluster.wait(0.2)
    outcome = cluster.answers(cluster.first_client)[1]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    cluster.finish_oldest(cluster.first_node)
    assert len(cluster.heard(cluster.first_node, Assign)) == 1


def test_deadline_that_passed_before_the_tick_is_seen_when_a_worker_frees() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1, timeout_s=2.0))
    cluster.now += 3.0
    cluster.finish_oldest(cluster.first_node)
    assert len(cluster.heard(cluster.first_node, Assign)) == 1
    assert cluster.answers(cluster.first_client)[1].status == Status.EXPIRED


def test_timeout_travels_as_what_remains() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1, timeout_s=5.0))
    cluster.now += 2.0
    cluster.finish_oldest(cluster.first_node, run_s=2.0)
    assert cluster.heard(cluster.first_node, Assign)[1].timeout_s == pytest.approx(3.0)


def test_timeout_too_short_for_the_clock_is_not_taken_for_none() -> None:
    cluster = ClusterDriver()
    cluster.now = 1e9
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1, timeout_s=1e-9))
    assert all(assign.timeout_s > 0.0 for assign in cluster.heard(node, Assign))


def test_running_task_past_its_deadline_is_left_to_its_node() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(), cluster.client()
    cluster.say(client, submit(1, timeout_s=2.0))
    cluster.wait(5.0)
    assert not cluster.answers(client)
    assert not cluster.heard(node, Cancel)


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


def test_client_gone_with_a_task_that_came_back_takes_it_along() -> None:
    cluster = ClusterDriver()
    client, node = cluster.client(), cluster.node()
    cluster.say(client, submit(1, idempotent=True))
    cluster.lose(node)
    cluster.lose(client)
    assert cluster.snapshot().queue_length == 0


# --- who may say what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        *[Register("n", 1), Capacity(1), Outcome(1, 0), Drain(), Welcome(1, 1, 1, 1.0, 1.0), StillRunning(1)],
        *[StatusReply(b""), ExplainReply(b"")],
    ],
)
def test_client_that_says_what_only_others_may_is_hung_up_on(message: Message) -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, message, submit(1))
    assert cluster.closed(cluster.first_client) == [f"a client may not send {type(message).__name__}"]
    assert cluster.counters()["accepted"] == 1, "nothing behind it was read"


@pytest.mark.parametrize(
    "message",
    [
        *[submit(1), Cancel(1), StatusRequest(), ExplainRequest(1, 1), Register("again", 1), StillRunning(1)],
        *[Capacity(-1), Capacity(10**9), *(Capacity(1, pressure) for pressure in (-0.1, 1.1, inf, nan))],
    ],
)
def test_node_that_says_what_only_others_may_is_hung_up_on(message: Message) -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_node, message)
    assert cluster.closed(cluster.first_node) == [f"a node may not send {type(message).__name__} now"]
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST


@pytest.mark.parametrize("message", [Capacity(1), Outcome(1, 0), Drain()])
def test_node_that_has_not_registered_may_say_nothing_else(message: Message) -> None:
    cluster = ClusterDriver()
    newcomer = cluster.newcomer()
    cluster.say(newcomer, message)
    assert cluster.closed(newcomer) == [f"a node may not send {type(message).__name__} now"]


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "a\n", "a/b", "é"])
def test_node_with_a_bad_name_is_rejected(name: str) -> None:
    cluster = ClusterDriver()
    newcomer = cluster.newcomer()
    cluster.say(newcomer, Register(name, 1))
    assert cluster.closed(newcomer) == ["a node name has 1 to 128 of [A-Za-z0-9._:-]"]


@pytest.mark.parametrize("name", ["a", "x" * 128, "Node-1.example_org:8001"])
def test_node_with_a_good_name_is_registered(name: str) -> None:
    cluster = ClusterDriver()
    cluster.node(name=name)
    assert [node.name for node in cluster.snapshot().nodes] == [name]


def test_node_of_a_name_in_use_is_rejected_while_the_other_lives() -> None:
    cluster = ClusterDriver()
    first = cluster.node(name="same", incarnation=1)
    second = cluster.node(workers=0, name="same", incarnation=2)
    assert cluster.closed(second)
    assert not cluster.closed(first)
    cluster.lose(first)
    third = cluster.node(name="same", incarnation=3)
    assert not cluster.closed(third)


def test_node_that_is_back_before_its_old_connection_is_known_to_be_lost_takes_its_own_place() -> None:
    cluster = ClusterDriver()
    old, client = cluster.node(name="same", incarnation=1), cluster.client()
    cluster.say(client, submit(1), submit(2))
    new = cluster.node(name="same", incarnation=1)
    assert cluster.closed(old)
    assert not cluster.closed(new)
    (outcome,) = cluster.answers(client).values()
    assert (outcome.id, outcome.status, outcome.entered) == (1, Status.LOST, Entered.UNKNOWN)
    assert len(cluster.heard(new, Assign)) == 1, "its one worker counts once"
    cluster.lose(old)
    assert len(cluster.answers(client)) == 1


def test_peer_that_is_gone_can_say_nothing_any_more() -> None:
    cluster = BusyCluster()
    cluster.lose(cluster.first_client)
    cluster.lose(cluster.first_node)
    assert cluster.say(cluster.first_client, submit(5)) == []
    assert cluster.say(cluster.first_node, Register("ghost", 1)) == []
    assert cluster.lose(cluster.first_client) == []
    assert cluster.counters()["accepted"] == 1


@pytest.mark.parametrize("role", ["client", "node"])
def test_goodbye_is_like_a_loss_at_once(role: str) -> None:
    cluster = BusyCluster()
    peer = cluster.first_client if role == "client" else cluster.first_node
    effects = cluster.say(peer, Goodbye("I must go"))
    assert effects[0] == Close(peer, "goodbye")
    assert cluster.snapshot().clients == (0 if role == "client" else 1)


def test_status_is_answered_at_once_even_when_the_queue_is_full() -> None:
    cluster = BusyCluster(queue_limit=1)
    cluster.say(cluster.first_client, submit(1), submit(2))
    cluster.say(cluster.first_client, StatusRequest())
    (reply,) = cluster.heard(cluster.first_client, StatusReply)
    numbers = json.loads(reply.text)
    assert (numbers["queue_length"], numbers["queue_limit"]) == (1, 1)
    (node,) = numbers["nodes"]
    assert node == {
        "name": "node-1",
        "workers": 1,
        "in_flight": 1,
        "draining": False,
        "mean_run_s": 0.0,
        "pressure": 0.0,
    }
    assert numbers["counters"]["accepted"] == 2
    assert numbers["counters"]["rejected"] == 1


def test_every_decision_is_counted_by_its_reason() -> None:
    cluster = BusyCluster(queue_limit=1)
    cluster.say(cluster.first_client, submit(1), submit(2), submit(3, payload=bytes(100 << 20)))
    cluster.finish_oldest(cluster.first_node, run_s=0.001)
    cluster.say(cluster.first_client, submit(4))
    snapshot = cluster.snapshot()
    assert snapshot.decisions == {
        "to_free_worker": 2,
        "prefetched": 1,
        "to_node_of_key": 0,
        "key_spilled_over": 0,
        "to_faster_node": 0,
        "kind_unmeasured_there": 1,
    }
    assert {reason: count for reason, count in snapshot.rejections.items() if count} == {
        "CLIENT_LIMIT": 1,
        "TOO_LARGE": 1,
    }


def test_key_and_where_it_spilled_over_are_counted() -> None:
    cluster = ClusterDriver()
    for _ in range(2):
        cluster.node()
    client = cluster.client()
    cluster.say(client, submit(1, key=5), submit(2, key=5))
    node = next(peer for peer in (1, 2) if cluster.heard(peer, Assign)[0].id == 1)
    cluster.finish_oldest(node, run_s=1.0)
    cluster.say(client, submit(3, key=5))
    decisions = cluster.snapshot().decisions
    assert [decisions[name] for name in ("to_free_worker", "to_node_of_key", "key_spilled_over")] == [1, 1, 1]


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_capacity_that_grows_takes_what_waits() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1), submit(2))
    cluster.say(cluster.first_node, Capacity(3))
    assert len(cluster.heard(cluster.first_node, Assign)) == 3


def test_node_that_says_its_machine_is_busy_gets_less() -> None:
    cluster = ClusterDriver()
    busy, calm, client = cluster.node(), cluster.node(), cluster.client()
    for id_, node in ((1, busy), (2, calm)):  # both are known to be equally quick
        cluster.say(client, submit(id_))
        cluster.finish_oldest(node, run_s=1.0)
    cluster.say(busy, Capacity(1, 0.9))
    cluster.say(client, submit(3))
    assert (len(cluster.heard(busy, Assign)), len(cluster.heard(calm, Assign))) == (1, 2)
    assert [node.pressure for node in cluster.snapshot().nodes] == [0.9, 0.0]


def test_capacity_that_falls_below_what_runs_gets_nothing_more_until_there_is_room() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=2), cluster.client()
    cluster.say(client, submit(1), submit(2), submit(3))
    cluster.say(node, Capacity(1))
    first, second = cluster.heard(node, Assign)
    cluster.say(node, completed(first, run_s=1.0))
    assert len(cluster.heard(node, Assign)) == 2
    cluster.say(node, completed(second, run_s=1.0))
    assert len(cluster.heard(node, Assign)) == 3


def test_a_few_short_tasks_are_prefetched_and_no_long_ones() -> None:
    def prefetched(run_s: float) -> int:
        cluster = BusyCluster()
        cluster.finish_oldest(cluster.first_node, run_s=run_s)
        cluster.say(cluster.first_client, *(submit(id_) for id_ in range(50)))
        return cluster.snapshot().in_flight

    assert prefetched(0.000199) == 11, "one runs, and two milliseconds of work"
    assert prefetched(0.02) == 2, "one more"
    assert prefetched(0.1) == 1


def test_node_that_gave_a_task_back_prefetches_nothing_until_it_ends_one() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node, run_s=0.01)
    cluster.say(cluster.first_client, submit(1), submit(2))
    _, prefetched = cluster.unanswered(cluster.first_node)
    cluster.say(cluster.first_node, given_back(prefetched))
    assert len(cluster.heard(cluster.first_node, Assign)) == 3, "it waits in the queue now"
    cluster.say(cluster.first_client, submit(3))
    assert len(cluster.heard(cluster.first_node, Assign)) == 3
    cluster.finish_oldest(cluster.first_node, run_s=0.01)
    assert [assign.id for assign in cluster.unanswered(cluster.first_node)] == [prefetched.id, prefetched.id + 1], (
        "one runs, one is prefetched"
    )


def test_task_that_one_node_gave_back_goes_to_another_that_is_free() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node, run_s=0.01)
    cluster.say(cluster.first_client, submit(1), submit(2))
    _, prefetched = cluster.unanswered(cluster.first_node)
    other = cluster.node(workers=1)
    cluster.say(cluster.first_node, given_back(prefetched))
    assert [(assign.id, assign.attempt) for assign in cluster.heard(other, Assign)] == [(prefetched.id, 2)]


def test_kinds_never_measured_are_not_prefetched() -> None:
    cluster = BusyCluster()
    cluster.finish_oldest(cluster.first_node, run_s=0.0001)
    cluster.say(cluster.first_client, *(submit(id_, kind=KIND + 1) for id_ in range(20)))
    assert cluster.snapshot().in_flight == 1


def test_node_that_drains_gets_nothing_more_and_is_told_that_it_was_heard() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=2), cluster.client()
    cluster.say(client, submit(1))
    cluster.say(node, Drain())
    assert cluster.heard(node, Drain) == [Drain()]
    cluster.say(client, submit(2))
    assert cluster.answers(client)[2].reason == RejectReason.NO_NODES
    cluster.finish_oldest(node)
    assert cluster.answers(client)[1].status == Status.COMPLETED


def test_equal_keys_go_to_one_node_while_it_has_room() -> None:
    def nodes_used(key: int) -> int:
        cluster = ClusterDriver()
        nodes, client = [cluster.node(name=name) for name in ("a", "b", "c")], cluster.client()
        for id_ in range(9):
            cluster.say(client, submit(id_, key=key))
            for node in nodes:
                for assign in cluster.heard(node, Assign):
                    if assign.id == id_ + 1:
                        cluster.say(node, completed(assign, run_s=0.01))
        return sum(bool(cluster.heard(node, Assign)) for node in nodes)

    assert nodes_used(key=5) == 1
    assert nodes_used(key=0) == 3


# --- fairness ---------------------------------------------------------------------------------------------------------


def test_clients_share_the_workers_whatever_they_queue() -> None:
    cluster = BusyCluster()
    greedy = cluster.first_client
    modest = cluster.client()
    cluster.say(greedy, *(submit(id_) for id_ in range(40)))
    served: list[int] = []
    for id_ in range(20):
        cluster.say(modest, submit(id_))
        cluster.now += 1.0
        cluster.finish_oldest(cluster.first_node, run_s=1.0)
        served.append(len(cluster.answers(modest)))
    assert served[-1] >= 9


def test_client_of_a_kind_never_measured_gets_no_more_than_its_share() -> None:
    cluster = BusyCluster(queue_target_s=inf)
    known = cluster.first_client
    cluster.finish_oldest(cluster.first_node, run_s=0.1)
    unknown = cluster.client()
    cluster.say(known, *(submit(id_) for id_ in range(40)))
    cluster.say(unknown, *(submit(id_, kind=1000 + id_) for id_ in range(40)))  # each of a kind of its own
    for _ in range(20):
        cluster.now += 0.1
        cluster.finish_oldest(cluster.first_node, run_s=0.1)
    assert 8 <= len(cluster.answers(unknown)) <= 12


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELLED])
def test_client_whose_tasks_are_ended_by_force_pays_for_the_time_they_took(status: int) -> None:
    cluster = BusyCluster(queue_target_s=inf)
    known = cluster.first_client
    cluster.finish_oldest(cluster.first_node, run_s=0.1)
    overrunning = cluster.client()
    cluster.say(known, *(submit(id_) for id_ in range(40)))
    cluster.say(overrunning, *(submit(id_, payload=b"overruns") for id_ in range(40)))
    for _ in range(22):
        (assign,) = cluster.unanswered(cluster.first_node)
        if assign.payload == b"overruns":
            cluster.say(cluster.first_node, Outcome(assign.id, status, Entered.YES, assign.attempt, run_s=1.0))
        else:
            cluster.finish_oldest(cluster.first_node, run_s=0.1)
    assert 1 <= len(cluster.answers(overrunning)) <= 3, "each takes as long as ten of the others"


def test_priority_orders_what_waits() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, *(submit(id_, priority=priority) for id_, priority in enumerate([4, 2, 0, 3, 1])))
    for _ in range(5):
        cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert [assign.priority for assign in cluster.heard(cluster.first_node, Assign)] == [2, 0, 1, 2, 3, 4]


def test_age_step_decides_how_soon_a_low_priority_is_served() -> None:
    def first(age_step_s: float) -> int:
        cluster = BusyCluster(age_step_s=age_step_s)
        cluster.say(cluster.first_client, submit(1, priority=3))
        cluster.now += 2.0
        cluster.say(cluster.first_client, submit(2, priority=2))
        cluster.finish_oldest(cluster.first_node, run_s=1.0)
        return cluster.heard(cluster.first_node, Assign)[1].priority

    assert first(age_step_s=1.0) == 3
    assert first(age_step_s=10.0) == 2


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_heartbeats_go_to_every_peer_each_period() -> None:
    cluster = ClusterDriver(heartbeat_s=2.0, dead_after_s=100.0)
    node, client = cluster.node(), cluster.client()
    cluster.wait(9.0)
    assert len(cluster.heard(node, Heartbeat)) == 4
    assert len(cluster.heard(client, Heartbeat)) == 4


def test_peer_silent_for_too_long_is_dropped_and_its_tasks_are_lost() -> None:
    cluster = BusyCluster(heartbeat_s=1.0, dead_after_s=3.0)
    for _ in range(6):
        cluster.wait(1.0)
        cluster.say(cluster.first_client, Heartbeat())
    assert cluster.closed(cluster.first_node) == ["nothing was heard for 3 s"]
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
    assert not cluster.closed(cluster.first_client)


def test_any_bytes_count_as_life() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    for _ in range(10):
        cluster.wait(1.0)
        cluster.say(client, StatusRequest())
    for _ in range(10):  # it is in the middle of a large message
        cluster.wait(1.0)
        cluster.say(client)
    assert not cluster.closed(client)


def test_peer_held_back_by_this_side_is_not_taken_for_dead() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    for _ in range(10):
        cluster.wait(1.0)
        cluster.state.held_back(client, cluster.now)
    assert not cluster.closed(client)
    cluster.state.held_back(999, cluster.now)


def test_cluster_that_slept_itself_forgives_the_silence() -> None:
    cluster = ClusterDriver(heartbeat_s=1.0, dead_after_s=3.0)
    client = cluster.client()
    cluster.now += 60.0
    cluster.did(cluster.state.tick(cluster.now))
    assert not cluster.closed(client)
    cluster.wait(6.0)
    assert cluster.closed(client)


# --- draining ---------------------------------------------------------------------------------------------------------


def test_drain_rejects_what_is_new_and_finishes_what_is_here() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1))
    assert not [effect for effect in cluster.drain() if isinstance(effect, Stop)]
    cluster.say(cluster.first_client, submit(2))
    assert cluster.answers(cluster.first_client)[2].reason == RejectReason.DRAINING
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    effects = cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.answers(cluster.first_client)[1].status == Status.COMPLETED
    assert effects[-1] == Send(cluster.first_client, Drain()), "all is answered, and it goes first"
    assert cluster.say(cluster.first_client, submit(3)) != []
    assert cluster.answers(cluster.first_client)[3].reason == RejectReason.DRAINING
    assert cluster.lose(cluster.first_client) == [Close(cluster.first_node, "the cluster is shutting down"), Stop()]


def test_drain_of_an_idle_cluster_stops_at_once() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    assert cluster.drain() == [Send(client, Drain())]
    assert cluster.lose(client) == [Stop()]
    assert cluster.drain() == []
    assert ClusterDriver().drain() == [Stop()]


def test_drain_does_not_wait_for_a_client_that_stays() -> None:
    cluster = ClusterDriver()
    client = cluster.client()
    cluster.drain(timeout_s=60.0)
    assert cluster.wait(CLIENTS_LEAVE_S - 0.1) == []
    assert cluster.wait(0.2) == [Close(client, "the cluster is shutting down"), Stop()]


def test_client_that_comes_when_the_others_were_told_to_leave_is_told_so_too() -> None:
    cluster = ClusterDriver()
    cluster.client()
    cluster.drain()
    late = cluster.client()
    assert cluster.heard(late, Drain) == [Drain()]
    assert cluster.heard(cluster.node(), Drain) == []


def test_large_task_that_has_not_come_whole_when_the_cluster_stops_is_rejected() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, Announced(submit(1), 1 << 20))
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    assert cluster.drain()[-1] == Send(cluster.first_client, Drain())
    cluster.say(cluster.first_client, submit(1, payload=bytes(1 << 20)))
    answer = cluster.answers(cluster.first_client)[1]
    assert (answer.status, answer.entered, answer.reason) == (Status.REJECTED, Entered.NO, RejectReason.DRAINING)


def test_drain_that_takes_too_long_answers_everybody_and_stops() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, submit(1), submit(2, idempotent=True))
    cluster.drain(timeout_s=10.0)
    cluster.wait(9.9)
    assert not cluster.answers(cluster.first_client)
    effects = cluster.wait(0.2)
    answers = cluster.answers(cluster.first_client)
    assert {id_: (answer.status, answer.entered) for id_, answer in answers.items()} == {
        100: (Status.LOST, Entered.UNKNOWN),
        1: (Status.LOST, Entered.NO),
        2: (Status.LOST, Entered.NO),
    }
    assert cluster.heard(cluster.first_node, Cancel) == [Cancel(1)]
    assert effects[-1] == Send(cluster.first_client, Drain()), "everybody is answered before"
    assert isinstance(cluster.lose(cluster.first_client)[-1], Stop)


def test_second_drain_with_no_time_is_now() -> None:
    cluster = BusyCluster()
    cluster.drain(timeout_s=30.0)
    assert cluster.drain(timeout_s=0.0)[-1] == Send(cluster.first_client, Drain())
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST
    assert isinstance(cluster.drain(timeout_s=0.0)[-1], Stop)


def test_node_lost_during_a_drain_ends_it() -> None:
    cluster = BusyCluster()
    cluster.drain()
    assert cluster.lose(cluster.first_node)[-1] == Send(cluster.first_client, Drain())
    assert cluster.answers(cluster.first_client)[100].status == Status.LOST


# --- all together -----------------------------------------------------------------------------------------------------


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


def test_everything_said_can_be_encoded() -> None:
    cluster = BusyCluster(queue_limit=2)
    cluster.say(cluster.first_client, submit(1), submit(2), submit(3), Cancel(1), StatusRequest())
    cluster.lose(cluster.first_node)
    cluster.wait(20.0)
    for effect in cluster.effects:
        if isinstance(effect, Send):
            encode(effect.message)


def test_accepted_is_the_sum_of_where_tasks_are() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, *(submit(id_, timeout_s=5.0) for id_ in range(6)))
    cluster.say(cluster.first_client, Cancel(3))
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    counters, snapshot = cluster.counters(), cluster.snapshot()
    assert counters["accepted"] == 7
    assert (counters["completed"], counters["cancelled"]) == (1, 1)
    assert snapshot.queue_length + snapshot.in_flight == 5


def test_submit_is_a_record_of_the_options() -> None:
    assert submit(1).idempotent is False
    assert isinstance(submit(1), Submit)


def test_node_on_probation_has_all_its_room_at_once_when_it_is_the_only_one_left() -> None:
    cluster = ClusterDriver()
    slow, fast, client = cluster.node(workers=2), cluster.node(workers=1), cluster.client()
    put_on_probation(cluster, slow)
    cluster.lose(fast)
    cluster.say(client, submit(1000), submit(1001))
    assert len(cluster.heard(slow, Assign)) == 2


def test_node_on_probation_is_tried_again_when_it_has_rested_though_nothing_else_happens() -> None:
    cluster = ClusterDriver()
    slow, fast, client = cluster.node(workers=1), cluster.node(workers=1), cluster.client()
    put_on_probation(cluster, slow)
    cluster.say(client, submit(1000), submit(1001))
    assert (len(cluster.heard(slow, Assign)), len(cluster.heard(fast, Assign))) == (0, 1)
    assert cluster.state.next_deadline() == cluster.now + COOL_DOWN_S
    cluster.wait(COOL_DOWN_S)
    assert len(cluster.heard(slow, Assign)) == 1


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.EXPIRED])
def test_node_on_probation_rests_after_each_task_however_it_ends(status: int) -> None:
    cluster = ClusterDriver()
    slow, fast, client = cluster.node(workers=1), cluster.node(workers=1), cluster.client()
    put_on_probation(cluster, slow)
    cluster.wait(COOL_DOWN_S)
    cluster.say(client, submit(1), submit(2), submit(3))
    (tried,) = cluster.heard(slow, Assign)
    assert len(cluster.heard(fast, Assign)) == 1
    cluster.say(slow, Outcome(tried.id, status, Entered.YES, tried.attempt))
    assert len(cluster.heard(slow, Assign)) == 1
    cluster.wait(COOL_DOWN_S)
    assert len(cluster.heard(slow, Assign)) == 2


def put_on_probation(cluster: ClusterDriver, node: int) -> None:
    session = cluster.state.membership.get(node)
    assert session is not None
    session.times.recent_slowness, session.times.compared = 5.0, 10
    assert cluster.state._probation.evaluate(session, cluster.state.membership.trusted, cluster.now)
    cluster.state.membership.recount(session)


def test_message_that_has_come_is_never_written_into() -> None:
    cluster = BusyCluster()
    came = [submit(50), Cancel(50), submit(51), submit(52, idempotent=True)]
    before = [message.fields() for message in came]
    cluster.say(cluster.first_client, *came)
    assert [message.fields() for message in came] == before
    (assign,) = cluster.unanswered(cluster.first_node)
    cluster.say(cluster.first_client, Cancel(100))
    outcome = Outcome(assign.id, Status.LOST, Entered.NO, assign.attempt, run_s=0.5)
    before = [outcome.fields()]
    cluster.say(cluster.first_node, outcome)
    assert [outcome.fields()] == before
    assert cluster.answers(cluster.first_client)[100].status == Status.CANCELLED
