"""What a cluster tells of itself: status, counters, and the reasons of its decisions."""

from __future__ import annotations

import json

from argon.protocol.messages import Assign, Cancel, StatusReply, StatusRequest
from tests.support.drivers import BusyCluster, ClusterDriver, submit


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


def test_accepted_is_the_sum_of_where_tasks_are() -> None:
    cluster = BusyCluster()
    cluster.say(cluster.first_client, *(submit(id_, timeout_s=5.0) for id_ in range(6)))
    cluster.say(cluster.first_client, Cancel(3))
    cluster.finish_oldest(cluster.first_node, run_s=1.0)
    counters, snapshot = cluster.counters(), cluster.snapshot()
    assert counters["accepted"] == 7
    assert (counters["completed"], counters["cancelled"]) == (1, 1)
    assert snapshot.queue_length + snapshot.in_flight == 5
