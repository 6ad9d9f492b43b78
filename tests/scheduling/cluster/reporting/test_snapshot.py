"""Numbers for people: complete, and readable as JSON by whoever asks."""

from __future__ import annotations

import msgspec

from argon.protocol.messages import STATUS_NAMES, Assign, Drain
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot, TaskNumbers, cluster_snapshot
from tests.support.drivers import ClusterDriver, completed, submit


def test_snapshot_through_json_is_the_same() -> None:
    cluster = ClusterDriver()
    node, client = cluster.node(workers=2), cluster.client()
    cluster.say(client, *(submit(id_) for id_ in range(5)))
    cluster.say(node, completed(cluster.heard(node, Assign)[0], run_s=0.5))
    cluster.say(node, Drain())
    snapshot = cluster.snapshot()
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=ClusterSnapshot) == snapshot
    (numbers,) = snapshot.nodes
    assert (numbers.workers, numbers.in_flight, numbers.draining, numbers.mean_run_s) == (2, 2, True, 0.5)


def test_snapshot_tells_the_longest_wait() -> None:
    cluster = ClusterDriver()
    cluster.node()
    client = cluster.client()
    cluster.say(client, submit(1), submit(2))
    assert cluster_snapshot(cluster.state, cluster.now + 3.0).oldest_wait_s == 3.0


def test_node_without_a_task_yet_has_no_mean() -> None:
    cluster = ClusterDriver()
    cluster.node(workers=3)
    (numbers,) = cluster.snapshot().nodes
    assert numbers.mean_run_s == 0.0


def test_counters_have_a_name_for_every_end_of_a_task() -> None:
    assert {name.lower() for name in STATUS_NAMES} < set(TaskNumbers.__struct_fields__)
