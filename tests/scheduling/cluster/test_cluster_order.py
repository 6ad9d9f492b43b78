"""What a worker gets next: fair between clients, by priority, and by age."""

from __future__ import annotations

from math import inf

import pytest

from argon.protocol.messages import Assign, Entered, Outcome, Status
from tests.support.drivers import BusyCluster, submit


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
