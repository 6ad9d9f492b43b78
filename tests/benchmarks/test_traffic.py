"""Traffic of raw peers: a process of nodes that answer at once, clients that keep tasks under way."""

from __future__ import annotations

import pytest

from argon.net.security import parse_token
from argon.protocol.codec import OUTCOME
from argon.protocol.handshake import Role
from benchmarks.frames import Shape, Submits, are_completed
from benchmarks.traffic import NodesPlan, Traffic, nodes_process
from benchmarks.wire import Wires, WireTrouble
from tests.support.in_process import TOKEN, make_cluster, serving

SECRET = parse_token(TOKEN, "")
ANSWER, REJECT = Shape(OUTCOME, 5), Shape(OUTCOME, 0)


def completed(run: bytes) -> bool:
    return are_completed(run, ANSWER)


def test_traffic_runs_tasks_of_all_clients_on_all_nodes_until_told_to_end() -> None:
    with (
        serving(make_cluster(queue_limit=1000)) as cluster,
        nodes_process(NodesPlan(cluster.address, 3, 2, "raw", 8, 5, 1e-6), TOKEN),
        Wires(cluster.address, SECRET, Role.CLIENT, 1, ANSWER) as observer,
        Wires(cluster.address, SECRET, Role.CLIENT, 4, ANSWER) as clients,
    ):
        observer.await_status("joined by all", lambda status: status.workers == 6)
        traffic = Traffic(clients, Submits(5, bytes(8)), ANSWER, completed, blocks=2)
        traffic.begin()
        traffic.run(100)
        traffic.end()
        status = observer.status()
        assert 100 <= traffic.answers == status.counters.completed == status.counters.accepted
        assert traffic.answers % 5 == 0
        assert status.in_flight == status.queue_length == 0


def test_traffic_when_an_answer_is_another_than_expected_ends_the_measurement() -> None:
    with (
        serving(make_cluster()) as cluster,
        Wires(cluster.address, SECRET, Role.CLIENT, 1, REJECT) as clients,
    ):
        traffic = Traffic(clients, Submits(1, b""), REJECT, lambda run: are_completed(run, REJECT), blocks=1)
        traffic.begin()
        with pytest.raises(WireTrouble, match="another answer"):
            traffic.run(1)
