"""What clients may have outstanding, and how they hear of it: welcomes, answers and heartbeats."""

from __future__ import annotations

from argon.errors import RejectReason
from argon.protocol.messages import Assign, Heartbeat, Outcome, Welcome
from tests.support.drivers import ClusterDriver, completed, submit


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
