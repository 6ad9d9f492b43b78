"""Who may enter a cluster, by what the rooms say for one task: seen through the state machine, as peers see it."""

from __future__ import annotations

from math import inf

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Assign, Entered, Heartbeat, Outcome, Status, Welcome
from argon.scheduling.load import TRIAL_EVERY_S
from tests.support.drivers import ClusterDriver, completed, detail, runs_of, submit

RUN_S = 0.02


def known_cluster(workers: int = 8, run_s: float = RUN_S, **settings: float) -> tuple[ClusterDriver, int]:
    """A cluster that knows what its tasks take, and its node, whose workers are busy, and one more is prefetched."""
    cluster = ClusterDriver(**settings)
    node, client = cluster.node(workers=workers), cluster.client()
    for id_ in range(20):
        cluster.say(client, submit(id_))
        cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=run_s))
    cluster.say(client, *(submit(1000 + id_) for id_ in range(workers + 1)))
    return cluster, node


def waiting(cluster: ClusterDriver) -> int:
    return cluster.snapshot().queue_length


def flood(cluster: ClusterDriver, *clients: int, count: int = 1, **options: object) -> int:
    """Clients send so many tasks each, whatever they may; returns how many more wait then."""
    before = waiting(cluster)
    for client in clients:
        first = 1_000_000 + len(cluster.effects)
        cluster.say(client, *(submit(first + id_, **options) for id_ in range(count)))
    return waiting(cluster) - before


def crowd(cluster: ClusterDriver, count: int = 50) -> list[int]:
    return [cluster.client() for _ in range(count)]


def test_burst_may_wait_for_twice_the_target() -> None:
    cluster, _ = known_cluster()
    assert flood(cluster, *crowd(cluster)) == 31, "with one prefetched and one that ends, 80 ms for eight workers"


def test_standing_queue_is_kept_at_the_target() -> None:
    cluster, node = known_cluster()
    clients = crowd(cluster)
    for turn in range(400):  # 1 s: eight workers, one done every 2.5 ms
        flood(cluster, *clients[turn % 40 : turn % 40 + 10])
        cluster.now += RUN_S / 8
        cluster.say(node, completed(cluster.heard(node, Assign)[-9], run_s=RUN_S))
        assert turn < 200 or 12 <= waiting(cluster) <= 15, "40 ms for eight workers"


def test_queue_target_that_is_set_is_kept_and_one_that_is_off_is_not() -> None:
    def held(**settings: float) -> int:
        cluster, _ = known_cluster(**settings)
        return flood(cluster, *crowd(cluster, 200))

    assert held(queue_target_s=0.02) < held() < held(queue_target_s=0.1) < held(queue_target_s=inf)
    assert held(queue_target_s=inf) == 128


def test_nothing_is_shed_before_anything_was_measured() -> None:
    cluster = ClusterDriver()
    cluster.node(workers=1)
    client = cluster.client()
    cluster.say(client, *(submit(id_) for id_ in range(129)))
    assert waiting(cluster) == 128


def test_modest_client_enters_where_a_greedy_one_is_rejected() -> None:
    cluster, _ = known_cluster()
    one, other, modest = crowd(cluster, 3)
    flood(cluster, one, other, count=100)
    assert flood(cluster, one, count=1) == flood(cluster, other, count=1) == 0
    assert flood(cluster, modest, count=1) == 1


def test_urgent_task_enters_where_a_less_urgent_one_is_rejected() -> None:
    cluster, _ = known_cluster()
    flood(cluster, *crowd(cluster), priority=3)
    assert flood(cluster, cluster.client(), priority=3) == 0
    assert flood(cluster, cluster.client(), priority=1) == 1


def test_one_task_of_a_priority_for_each_worker_enters_a_queue_full_of_more_urgent_work() -> None:
    cluster, _ = known_cluster(workers=3)
    flood(cluster, *crowd(cluster), priority=0)
    assert [flood(cluster, cluster.client(), priority=4) for _ in range(5)] == [1, 1, 1, 0, 0]


def test_client_limit_is_kept_even_while_workers_are_free() -> None:
    cluster = ClusterDriver(client_limit=3)
    cluster.node(workers=8)
    client, other = cluster.client(), cluster.client()
    assert cluster.heard(client, Welcome)[0].credits == 3
    cluster.say(client, *(submit(id_) for id_ in range(5)))
    cluster.say(other, submit(1))
    assert {id_: answer.reason for id_, answer in cluster.answers(client).items()} == {
        3: RejectReason.CLIENT_LIMIT,
        4: RejectReason.CLIENT_LIMIT,
    }
    assert not cluster.answers(other)


@pytest.mark.parametrize(("timeout_s", "rejected"), [(0.05, True), (0.2, False), (0.0, False)])
def test_task_that_would_be_late_is_rejected(timeout_s: float, rejected: bool) -> None:
    cluster, _ = known_cluster()
    flood(cluster, *crowd(cluster, 20))
    client = cluster.client()
    cluster.say(client, submit(1, timeout_s=timeout_s))
    assert (1 in cluster.answers(client)) is rejected
    if rejected:
        assert cluster.answers(client)[1].reason == RejectReason.DEADLINE


def test_task_that_would_wait_behind_those_of_a_lost_node_is_rejected() -> None:
    cluster, _ = known_cluster(workers=1, run_s=1.0, queue_target_s=inf)
    lost, client = cluster.node(workers=20), cluster.client()
    cluster.say(client, *(submit(id_, idempotent=True) for id_ in range(20)))
    cluster.lose(lost)
    cluster.say(client, submit(100, timeout_s=10.0), submit(101, timeout_s=60.0))
    assert {id_: answer.reason for id_, answer in cluster.answers(client).items()} == {100: RejectReason.DEADLINE}


def test_task_that_takes_longer_than_it_has_is_rejected_although_a_worker_is_free() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=8), cluster.client()
    for id_ in range(20):
        cluster.say(client, submit(id_))
        cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=1.0))
    cluster.say(client, submit(100, timeout_s=0.5), submit(101, timeout_s=2.0))
    assert cluster.answers(client)[100].reason == RejectReason.DEADLINE
    assert 101 not in cluster.answers(client)


def test_kind_of_which_all_are_killed_at_their_timeout_is_rejected() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=8), cluster.client()
    for id_ in range(5):
        cluster.say(client, submit(id_, timeout_s=0.5))
        assign = cluster.heard(node, Assign)[-1]
        cluster.say(node, Outcome(assign.id, Status.EXPIRED, Entered.YES, assign.attempt, 0.5))
    cluster.say(client, submit(100, timeout_s=0.5), submit(101, timeout_s=2.0))
    assert cluster.answers(client)[100].reason == RejectReason.DEADLINE
    assert 101 not in cluster.answers(client)


def test_task_whose_wait_has_left_too_little_time_expires_not_started() -> None:
    cluster, node = known_cluster(workers=1, run_s=1.0)
    client = cluster.client()
    cluster.say(client, submit(1, timeout_s=3.2))
    assert waiting(cluster) == 2, "a second until what runs is done, one for the other that waits, and one for itself"
    cluster.now += 2.5
    cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=1.0))
    answer = cluster.answers(client)[1]
    assert (answer.status, answer.entered) == (Status.EXPIRED, Entered.NO)
    assert detail(answer).reason == "its wait in the queue has left less time than it takes"


def test_task_let_in_to_correct_what_is_believed_of_its_kind_is_run_though_it_must_wait() -> None:
    cluster, node = known_cluster(workers=1)
    client = cluster.client()
    for _ in range(6):
        cluster.state._fleet.add(9, runs_of(0.5), cluster.now)
    cluster.now += TRIAL_EVERY_S
    cluster.say(client, submit(1, kind=9, timeout_s=0.4), submit(2, kind=9, timeout_s=0.4))
    assert [*cluster.answers(client)] == [2], "one of them may try"
    for running in cluster.heard(node, Assign)[-2:]:
        cluster.now += RUN_S
        cluster.say(node, completed(running, run_s=RUN_S))
    assert cluster.heard(node, Assign)[-1].kind == 9


def test_credits_promise_no_more_than_the_queue_may_hold() -> None:
    cluster, _ = known_cluster()
    cluster.now += 1.0
    assert cluster.heard(cluster.client(), Welcome)[0].credits == (16 + 9) // 2, "40 ms for eight workers, and nine"
    cluster.say(cluster.client(), submit(1))
    budget = cluster.state._admission.budget()
    assert budget == 16 + 9, "what waits takes none of it, what is prefetched has a place"
    unknown = ClusterDriver(queue_limit=10)
    unknown.node(workers=2)
    assert unknown.heard(unknown.client(), Welcome)[0].credits == 12


def test_client_that_was_rejected_is_offered_credits_when_a_worker_is_free_who_waits_longest_first() -> None:
    cluster, node = known_cluster(workers=1, queue_limit=1)
    one, two = crowd(cluster, 2)
    for client in (one, two, one):
        flood(cluster, client)  # the first of them finds the place in the queue
    assert cluster.heard(one, Heartbeat) == cluster.heard(two, Heartbeat) == []
    told = []
    for turn in range(6):
        running = cluster.heard(node, Assign)[20:]
        if turn < len(running):
            cluster.say(node, completed(running[turn], run_s=RUN_S))
        else:
            cluster.say(node, Heartbeat())
        told.append((len(cluster.heard(one, Heartbeat)), len(cluster.heard(two, Heartbeat))))
    assert told[0] == (0, 0), "a task waits, and takes the place"
    assert told[-1] == (1, 1)
    assert told.index((0, 1)) < told.index((1, 1)), "one at a time"


def test_places_for_a_few_of_a_priority_are_twice_as_many_for_those_that_have_aged() -> None:
    cluster, _ = known_cluster()
    flood(cluster, *crowd(cluster), priority=0)
    assert flood(cluster, *crowd(cluster), priority=4) == 8
    assert flood(cluster, *crowd(cluster), priority=4, waited_s=3.9) == 0
    assert flood(cluster, *crowd(cluster), priority=4, waited_s=4.0) == 8
    assert flood(cluster, *crowd(cluster), priority=0, waited_s=9.0) == 0, "what is not behind others has not aged"


def test_heartbeat_offers_a_rejected_client_nothing_before_a_worker_is_free() -> None:
    cluster, node = known_cluster(workers=1, queue_limit=1, heartbeat_s=1.0)
    one, two = crowd(cluster, 2)
    flood(cluster, one, count=2)
    flood(cluster, two)
    cluster.wait(1.0)
    assert cluster.heard(one, Heartbeat) == cluster.heard(two, Heartbeat) == [Heartbeat(credits=0)]
    for ended in range(20, 24):
        for running in cluster.heard(node, Assign)[ended : ended + 1]:
            cluster.say(node, completed(running, run_s=RUN_S))
    cluster.wait(1.0)
    assert all(cluster.heard(client, Heartbeat)[-1].credits for client in (one, two))


def test_client_that_was_rejected_by_a_cluster_that_drains_is_offered_nothing() -> None:
    cluster, _ = known_cluster()
    client = cluster.client()
    cluster.node(workers=8)
    cluster.drain()
    flood(cluster, client, count=20)
    cluster.say(client, Heartbeat())
    assert cluster.heard(client, Heartbeat) == [], "it would come back at once, and be rejected again"


def test_client_that_was_rejected_beside_a_free_worker_is_offered_nothing() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=8), cluster.client()
    for id_ in range(20):
        cluster.say(client, submit(id_))
        cluster.say(node, completed(cluster.heard(node, Assign)[-1], run_s=1.0))
    cluster.say(client, submit(100, timeout_s=0.5))
    assert cluster.answers(client)[100].reason == RejectReason.DEADLINE
    assert cluster.heard(client, Heartbeat) == [], "what it has is too short for any worker"
