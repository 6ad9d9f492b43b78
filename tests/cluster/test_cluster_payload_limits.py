"""The max_payload of a cluster and of its nodes: what is over it costs only its own task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from argon.errors import MayHaveRun, Rejected, RejectReason, RemoteError, ResultNotSerializable, TaskExpired, WorkerDied
from argon.settings import MAX_PAYLOAD_BYTES, MIN_MAX_PAYLOAD_BYTES
from tests.support import light_tasks as tasks
from tests.support.in_process import WITHIN_S, TaskGate, network


def test_max_payload_bounds_a_task_at_once_and_for_good(tmp_path: Path) -> None:
    with network(max_payload=10_000) as net, net.client() as client:
        with pytest.raises(Rejected) as caught:
            client.run(len, bytes(20_000))
        assert caught.value.reason is RejectReason.TOO_LARGE
        assert caught.value.retry_after == 0
        assert client.run(len, bytes(9_000)) == 9_000


def test_max_payload_above_the_default_lets_tasks_and_results_through() -> None:
    size = MAX_PAYLOAD_BYTES + (1 << 20)
    with network(max_payload=2 * size, node={"max_payload": 2 * size}) as net, net.client() as client:
        assert client.run(len, bytes(size)) == size
        assert len(client.run(bytes, size)) == size


def test_result_over_the_nodes_own_max_payload_is_refused_though_the_cluster_allows_more() -> None:
    with network(max_payload=1 << 20, node={"max_payload": 10_000}) as net, net.client() as client:
        assert client.run(len, bytes(100_000)) == 100_000
        with pytest.raises(ResultNotSerializable, match="over the max_payload of 10000"):
            client.run(bytes, 100_000)


@pytest.mark.parametrize(
    "call",
    [(bytes, 2 << 20), (tasks.fail, ValueError, "x" * ((1 << 20) - 100))],
    ids=["result", "exception"],
)
def test_answer_over_max_payload_costs_nobody_else_anything(tmp_path: Path, call: tuple[Any, ...]) -> None:
    network_ = network(workers=2, max_payload=(1 << 20) + 1000)
    with network_ as net, net.client() as client, net.client() as other:
        gate = TaskGate(tmp_path)
        running = other.submit(*gate.call)
        gate.wait()
        error = client.submit(*call).exception(WITHIN_S)
        assert isinstance(error, ResultNotSerializable | RemoteError), error
        assert error.may_have_run is MayHaveRun.YES
        assert error.node == net.node.name
        gate.open()
        assert running.result(WITHIN_S) == "held"


def test_least_max_payload_has_room_for_every_failure() -> None:
    least = MIN_MAX_PAYLOAD_BYTES
    with network(max_payload=least, node={"max_payload": least, "name": "n" * 128}) as net, net.client() as client:
        with pytest.raises(ResultNotSerializable, match=f"over the max_payload of {least}"):
            client.run(bytes, 2 * least)
        with pytest.raises(RemoteError, match="ValueError: "):
            client.run(tasks.fail, ValueError, "\N{GRINNING FACE}" * 200)
        with pytest.raises(WorkerDied) as caught:
            client.run(tasks.die, 9)
        assert caught.value.node == net.node.name
        with pytest.raises(TaskExpired):
            client.with_options(timeout=0.2).run("time:sleep", 60)
        assert client.run(tasks.identity, 1) == 1


def test_result_over_the_nodes_limit_is_told_by_the_node() -> None:
    with network(node={"max_payload": 10_000}) as net, net.client() as client:
        with pytest.raises(ResultNotSerializable, match="over"):
            client.run(bytes, 20_000)
        assert client.run(bytes, 5_000) == bytes(5_000)
