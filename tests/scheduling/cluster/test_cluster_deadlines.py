"""The deadlines of tasks: in the queue, on the way to a node, and on it."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Assign, Cancel, Entered, Status
from tests.support.drivers import BusyCluster, ClusterDriver, submit


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
