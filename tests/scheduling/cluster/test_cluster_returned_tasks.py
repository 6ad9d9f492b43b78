"""Tasks that come back, from nodes that are lost or give them back: which run again, and which are lost."""

from __future__ import annotations

from argon.protocol.messages import Assign, Cancel, Drain, Entered, Outcome, Status
from argon.scheduling.cluster.cluster_state import ATTEMPTS_MAX, RETURNS_MAX
from tests.support.drivers import BusyCluster, ClusterDriver, completed, detail, given_back, submit


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
