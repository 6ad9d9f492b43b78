"""What each node gets: by its capacity, its pressure, its prefetch, the keys of tasks, and its probation."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Assign, Capacity, Drain, Entered, Outcome, Status
from argon.scheduling.cluster.probation import COOL_DOWN_S
from tests.support.drivers import KIND, BusyCluster, ClusterDriver, completed, given_back, submit

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


# --- probation --------------------------------------------------------------------------------------------------------


def put_on_probation(cluster: ClusterDriver, node: int) -> None:
    session = cluster.state.membership.get(node)
    assert session is not None
    session.times.recent_slowness, session.times.compared = 5.0, 10
    assert cluster.state._probation.evaluate(session, cluster.state.membership.trusted, cluster.now)
    cluster.state.membership.recount(session)


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
