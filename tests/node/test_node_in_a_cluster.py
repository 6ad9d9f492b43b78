"""How a node follows its cluster: it waits, reconnects, drains, and shares the tasks with other nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.errors import MayHaveRun, ResultNotSerializable, TaskLost
from argon.node.node import Node
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    cut,
    eventually,
    free_port,
    make_cluster,
    make_node,
    network,
    pid_ended,
    serving,
    wait_until_free,
)
from tests.support.observed_nodes import levels, names, pids


def test_constructing_starts_and_connects_nothing() -> None:
    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        node = make_node(manager=cluster.address)
        assert node.address is None
        assert client.status()["nodes"] == []


def test_node_without_a_cluster_waits_for_one_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    node = make_node(manager=f"127.0.0.1:{port}")
    thread = Serving(node, until_ready=False)
    try:
        eventually(lambda: any("no Argon cluster" in record.message for record in caplog.records))
        assert not thread.is_ready
        cluster = make_cluster(host="127.0.0.1", port=port)
        with serving(cluster), Client(f"127.0.0.1:{port}", token=TOKEN) as client:
            assert client.run(tasks.identity, 1) == 1
    finally:
        node.shutdown()
        thread.join()
    assert levels(caplog, "connected to the cluster, as session") == {logging.WARNING}  # as the trouble before it


@pytest.mark.parametrize("ask", [Node.shutdown, Node.drain])
def test_node_that_waits_for_a_cluster_can_be_stopped(ask: Callable[[Node], None]) -> None:
    node = make_node(manager=f"127.0.0.1:{free_port()}")
    thread = Serving(node, until_ready=False)
    eventually(lambda: node._pool is not None and node._dialing is not None)
    ask(node)
    thread.join()
    assert thread.error is None


def test_end_of_trouble_is_said_as_loudly_as_the_trouble(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "argon")
    with network() as net, net.client() as client:
        assert levels(caplog, "connected to the cluster, as session") == {logging.INFO}
        cut(net.cluster)
        eventually(lambda: logging.WARNING in levels(caplog, "connected to the cluster, as session"))
        assert levels(caplog, "disconnected from the cluster") == {logging.WARNING}
        assert client.with_options(idempotent=True).run(tasks.identity, 1) == 1


def test_node_that_lost_its_cluster_comes_back_and_its_tasks_are_lost(tmp_path: Path) -> None:
    with network(workers=1) as net, net.client() as client:
        gate = TaskGate(tmp_path)
        future = client.submit(*gate.call)
        gate.wait()
        node_link = next(link for link in net.cluster._shell.links.values() if link.role and link.role.name == "NODE")
        assert net.cluster._loop is not None
        net.cluster._loop.call_soon_threadsafe(node_link.abort, "the network broke")
        error = future.exception(WITHIN_S)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.UNKNOWN
        assert error.node == net.node.name
        assert client.run(tasks.identity, 1) == 1  # by the same node, come back
        assert names(client) == [net.node.name]


def test_idempotent_task_of_a_lost_node_runs_again(tmp_path: Path) -> None:
    with network(workers=1) as net, net.client() as client:
        gate = TaskGate(tmp_path)
        future = client.with_options(idempotent=True).submit(*gate.call)
        gate.wait()
        net.node.shutdown()
        assert net.node.wait(WITHIN_S)
        with serving(make_node(manager=net.address)):
            gate.wait()
            gate.open()
            assert future.result(WITHIN_S) == "held"


def test_cluster_that_is_restarted_gets_its_node_back(tmp_path: Path) -> None:
    port = free_port()
    first = make_cluster(host="127.0.0.1", port=port)
    thread = Serving(first)
    with serving(make_node(manager=first.address)) as node:
        (before,) = pids(node)
        first.shutdown()
        thread.join()
        wait_until_free(port)
        second = make_cluster(host="127.0.0.1", port=port)
        with serving(second), Client(f"127.0.0.1:{port}", token=TOKEN) as client:
            assert client.run(tasks.pid) == before


def test_results_are_limited_by_the_max_payload_of_the_cluster_that_the_node_serves_now() -> None:
    port = free_port()
    first = make_cluster(host="127.0.0.1", port=port, max_payload=1 << 20)
    thread = Serving(first)
    with serving(make_node(manager=first.address)):
        with Client(first.address, token=TOKEN) as client, pytest.raises(ResultNotSerializable, match="over"):
            client.run(bytes, 2 << 20)
        first.shutdown()
        thread.join()
        wait_until_free(port)
        second = make_cluster(host="127.0.0.1", port=port, max_payload=4 << 20)
        with serving(second), Client(second.address, token=TOKEN) as client:
            assert client.run(bytes, 2 << 20) == bytes(2 << 20)


def test_drain_finishes_what_runs_and_hands_the_rest_to_others(tmp_path: Path) -> None:
    with network(workers=1) as net, net.client() as client:
        gate = TaskGate(tmp_path)
        running = client.submit(*gate.call)
        gate.wait()
        queued = [client.submit(tasks.pid) for _ in range(5)]
        eventually(lambda: client.status()["counters"]["accepted"] == 6)
        net.node.drain()
        eventually(lambda: client.status()["workers"] == 0)
        with serving(make_node(manager=net.address)) as other:
            assert {future.result(WITHIN_S) for future in queued} == set(pids(other))
            assert not net.node.wait(0.0)
            gate.open()
            assert running.result(WITHIN_S) == "held"
            assert net.node.wait(WITHIN_S)


def test_node_that_leaves_says_nothing_of_reconnecting(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "argon")
    with network() as net:
        net.node.drain()
        assert net.node.wait(WITHIN_S)
    assert [record.message for record in caplog.records if record.name == "argon.node"] == []


def test_name_of_another_live_node_is_refused_and_that_one_stays(caplog: pytest.LogCaptureFixture) -> None:
    with network(node={"name": "anvil"}) as net, net.client() as client:
        double = make_node(manager=net.address, name="anvil")
        thread = Serving(double, until_ready=False)
        eventually(lambda: any("the name anvil is in use" in record.message for record in caplog.records))
        assert client.run(tasks.pid) in pids(net.node)
        double.shutdown()
        thread.join()


def test_two_nodes_of_one_cluster_both_work(tmp_path: Path) -> None:
    with network(workers=1) as net, serving(make_node(manager=net.address)) as other, net.client() as client:
        gates = [TaskGate(tmp_path, "one"), TaskGate(tmp_path, "two")]
        futures = [client.submit(*gate.call) for gate in gates]
        for gate in gates:
            gate.wait()
        assert names(client) == sorted([net.node.name, other.name])
        for gate in gates:
            gate.open()
        assert [future.result() for future in futures] == ["held", "held"]


@pytest.mark.replaces_parts
def test_broken_invariant_of_the_node_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise AssertionError("a task is in two places")

    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        node = make_node(manager=cluster.address)
        thread = Serving(node)
        workers = pids(node)
        monkeypatch.setattr(node._shell.state, "received", broken)
        assert isinstance(client.submit(tasks.pid).exception(WITHIN_S), TaskLost)
        thread.join()
        assert isinstance(thread.error, AssertionError)
        assert all(pid_ended(pid) for pid in workers)


def test_connections_that_break_are_renewed_on_both_sides() -> None:
    with network() as net, net.client() as client:
        cut(net.cluster)
        assert client.with_options(idempotent=True).run(tasks.identity, 1) == 1
        assert client.run(tasks.identity, 2) == 2


def test_two_nodes_in_one_process_answer_everything() -> None:
    """Each has a thread of its own, so nothing that they receive into may be shared."""
    with network(workers=1) as net, serving(make_node(manager=net.address, workers=1)), net.client() as client:
        eventually(lambda: client.status()["workers"] == 2)
        futures = [client.submit(tasks.identity, number) for number in range(3000)]
        assert [future.result(WITHIN_S) for future in futures] == list(range(3000))


def test_tasks_prefetched_behind_one_that_takes_unexpectedly_long_run_on_a_free_node(tmp_path: Path) -> None:
    with network(workers=1) as net, serving(make_node(manager=net.address, workers=1)), net.client() as client:
        eventually(lambda: client.status()["workers"] == 2)
        for future in [client.submit(tasks.hold_or_pass) for _ in range(100)]:
            future.result(WITHIN_S)  # so both nodes are known to need next to nothing for it
        gate = TaskGate(tmp_path, task="hold_or_pass")
        held = client.submit(*gate.call)
        quick = [client.submit(tasks.hold_or_pass) for _ in range(50)]
        assert [future.result(WITHIN_S) for future in quick] == ["passed"] * 50
        assert not held.done()
        gate.open()
        assert held.result(WITHIN_S) == "held"
