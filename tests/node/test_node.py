"""The node process: what each of its parameters does, how it follows its cluster, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.errors import (
    AddressInvalid,
    AuthenticationFailed,
    ListenRefused,
    MayHaveRun,
    Rejected,
    RejectReason,
    ResultNotSerializable,
    TaskExpired,
    TaskLost,
    TokenInvalid,
    UnknownFunction,
)
from argon.net.security import make_token
from argon.node.node import Node
from argon.settings import parse_address
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
    soon,
    wait_until_free,
    within,
)


def pids(node: Node) -> list[int]:
    assert node._pool is not None
    return list(node._pool.pids().values())


def levels(caplog: pytest.LogCaptureFixture, part: str) -> set[int]:
    """At which levels a node has said this."""
    return {record.levelno for record in caplog.records if record.name == "argon.node" and part in record.message}


def names(client: Client) -> list[str]:
    return sorted(node["name"] for node in client.status()["nodes"] if node["workers"])


# ---- parameters --------------------------------------------------------------------------------------------------


def test_workers_is_how_many_tasks_run_at_a_time(tmp_path: Path) -> None:
    with network(workers=3) as net, net.client() as client:
        assert net.node.workers == 3
        assert client.status()["workers"] == 3
        gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(3)]
        futures = [client.submit(*gate.call) for gate in gates]
        for gate in gates:
            gate.wait()
        for gate in gates:
            gate.open()
        assert [future.result() for future in futures] == ["held"] * 3


def test_workers_default_to_the_cpus_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 5, 7}, raising=False)
    assert Node(port=0).workers == 5


def test_max_requests_is_after_how_many_tasks_a_worker_is_replaced() -> None:
    with network(node={"max_requests": 2}) as net, net.client() as client:
        served = [client.run(tasks.pid) for _ in range(6)]
        assert all(served.count(pid) <= 2 for pid in served)
        eventually(lambda: client.status()["workers"] == 1)


def test_worker_without_max_requests_is_never_replaced() -> None:
    with network() as net, net.client() as client:
        assert len({client.run(tasks.pid) for _ in range(20)}) == 1


def test_include_is_where_workers_look_for_modules_first(tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text("def where():\n    return __file__\n")
    with network(node={"include": [tmp_path]}) as net, net.client() as client:
        assert client.run("only_here:where") == str(tmp_path / "only_here.py")
    with network(node={"include": []}) as net, net.client() as client, pytest.raises(UnknownFunction):
        client.run("only_here:where")


def test_name_is_its_name_in_the_cluster_and_in_errors(tmp_path: Path) -> None:
    with network(node={"name": "anvil.1:a_b-c"}) as net, net.client() as client:
        assert names(client) == ["anvil.1:a_b-c"]
        with pytest.raises(ResultNotSerializable) as caught:
            client.run(threading.Lock)
        assert caught.value.node == "anvil.1:a_b-c"


def test_default_name_is_the_host_and_differs_between_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "anvil/é" + "x" * 300)
    one, other = Node(port=0).name, Node(port=0).name
    assert one.startswith("anvil--xxx")
    assert len(one) <= 128
    assert str(os.getpid()) in one
    assert one != other


def test_kill_after_is_how_long_a_task_may_ignore_sigterm(tmp_path: Path) -> None:
    gate = TaskGate(tmp_path, task="hold_against_sigterm")
    with network(node={"kill_after": 0.05}) as net, net.client() as client:
        future = client.submit(*gate.call)
        gate.wait()
        (pid,) = pids(net.node)
        assert future.cancel()
        eventually(lambda: pid_ended(pid))
        assert client.run(tasks.identity, 1) == 1


def test_kill_after_leaves_a_task_its_time(tmp_path: Path) -> None:
    gate = TaskGate(tmp_path, task="hold_against_sigterm")
    with network(node={"kill_after": 60.0}) as net, net.client() as client:
        future = client.submit(*gate.call)
        gate.wait()
        (pid,) = pids(net.node)
        future.cancel()
        assert client.run(tasks.pid) != pid  # another worker has its place
        assert not pid_ended(pid)
    assert pid_ended(pid)


@pytest.mark.parametrize("report_load", [True, False])
def test_report_load_is_whether_the_cluster_hears_how_busy_the_machine_is(
    monkeypatch: pytest.MonkeyPatch, report_load: bool
) -> None:
    looks = []
    monkeypatch.setattr("argon.node.node.cpu_pressure", lambda: looks.append(1) or 0.7)  # type: ignore[func-returns-value]
    with network(node={"report_load": report_load}) as net, net.client() as client:
        (node,) = client.status()["nodes"]
        assert node["pressure"] == (0.7 if report_load else 0.0)
        assert bool(looks) == report_load


def test_machine_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pressures = iter([0.0, 0.5, *[0.9] * 10_000])
    monkeypatch.setattr("argon.node.node._PRESSURE_EVERY_S", 0.01)
    monkeypatch.setattr("argon.node.node.cpu_pressure", lambda: next(pressures))
    with network() as net, net.client() as client:
        eventually(lambda: client.status()["nodes"][0]["pressure"] == 0.9)


def test_drain_timeout_is_how_long_running_tasks_may_take(tmp_path: Path) -> None:
    with network(node={"drain_timeout": 0.05}) as net, net.client() as client:
        gate = TaskGate(tmp_path)
        future = client.submit(*gate.call)
        gate.wait()
        net.node.drain()
        error = future.exception(WITHIN_S)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.YES
        assert error.node == net.node.name
        assert net.node.wait(WITHIN_S)


def test_max_payload_bounds_a_result() -> None:
    with network(node={"max_payload": 10_000}) as net, net.client() as client:
        with pytest.raises(ResultNotSerializable) as caught:
            client.run(bytes, 20_000)
        assert caught.value.may_have_run is MayHaveRun.YES
        assert len(client.run(bytes, 5_000)) == 5_000


def test_token_that_is_not_the_clusters_is_reported_when_it_starts() -> None:
    with serving(make_cluster()) as cluster:
        node = make_node(manager=cluster.address, token=make_token())
        with pytest.raises(AuthenticationFailed, match="the token is not that of the cluster"):
            Serving(node)
        assert node.wait(0.0)


def test_token_that_is_missing_is_reported_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGON_TOKEN", raising=False)
    monkeypatch.setenv("ARGON_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(TokenInvalid, match="start a cluster first"):
        Serving(make_node(manager="localhost:1", token=None))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("workers", [0, -1, 4097, "2", 1.5, True]),
        ("max_requests", [0, -1, "10", 2.0]),
        ("name", ["", "x" * 129, "a b", "a/b", "a\n", "é"]),
        ("kill_after", [0, -1, nan, inf, "1"]),
        ("drain_timeout", [-1, nan, inf, "1"]),
        ("max_payload", [0, -1, 1023, (1 << 31) + 1, "1"]),
        ("port", [-1, 65536, "1", 1.0]),
        ("queue_limit", [0, -1, "1"]),
    ],
)
def test_parameter_out_of_range_is_one_sentence_that_names_it(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name) as caught:
            Node(**{"port": 0, name: value})
        assert repr(value) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_include_that_is_one_string_is_refused() -> None:
    with pytest.raises(ValueError, match="include must be a list of directories"):
        Node(port=0, include="/tmp")


@pytest.mark.parametrize("manager", ["localhost", "http://localhost:8000", "::1:8000", "localhost:70000"])
def test_manager_of_another_form_is_refused(manager: str) -> None:
    with pytest.raises(AddressInvalid):
        Node(manager=manager)


@pytest.mark.parametrize("options", [{}, {"manager": "localhost:8000", "port": 8001}])
def test_node_needs_a_manager_or_a_port_and_not_both(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give either manager, to serve a cluster, or port"):
        Node(**options)


# ---- with a cluster ----------------------------------------------------------------------------------------------


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


# ---- its workers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [Node.shutdown, Node.drain])
def test_end_leaves_no_process_behind(ending: Callable[[Node], None]) -> None:
    with network(workers=2) as net:
        workers = pids(net.node)
        assert len(workers) == 2
        ending(net.node)
        assert net.node.wait(WITHIN_S)
        assert all(pid_ended(pid) for pid in workers)


def test_worker_that_dies_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with network() as net, net.client() as client:
        (pid,) = pids(net.node)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: any("signal 9" in record.message for record in caplog.records))
        assert client.run(tasks.pid) != pid


@pytest.mark.parametrize("task", ["hold", "hold_against_sigterm"])
@pytest.mark.parametrize("wanted", [True, False])
def test_end_of_a_worker_is_a_warning_only_where_the_node_did_not_want_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: bool, task: str
) -> None:
    caplog.set_level(logging.DEBUG, "argon")
    gate = TaskGate(tmp_path, task=task)
    with network(node={"kill_after": 0.05}) as net, net.client() as client:
        future = client.submit(*gate.call)
        gate.wait()
        if wanted:
            future.cancel()
        else:
            os.kill(pids(net.node)[0], signal.SIGKILL)
        eventually(lambda: levels(caplog, "ended: signal"))
        assert levels(caplog, "ended: signal") == {logging.DEBUG if wanted else logging.WARNING}


def test_workers_never_see_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_TOKEN", TOKEN)
    with network(node={"token": None}) as net, net.client() as client:
        assert client.run(os.getenv, "ARGON_TOKEN") is None


# ---- by itself ---------------------------------------------------------------------------------------------------


def alone(**options: Any) -> Node:
    return make_node(**{"port": 0, **options})


def test_node_that_listens_by_itself_serves_clients() -> None:
    port = free_port()
    with serving(alone(host="127.0.0.1", port=port, name="anvil")) as node:
        assert node.address == f"127.0.0.1:{port}"
        with Client(node.address, token=TOKEN) as client:
            assert list(client.map(pow, range(50), range(50))) == [n**n for n in range(50)]
            assert client.run(tasks.pid) in pids(node)
            assert len(client.run(bytes, 3 << 20)) == 3 << 20
            numbers = client.status()
            assert [(one["name"], one["workers"]) for one in numbers["nodes"]] == [("anvil", 1)]


def test_node_that_listens_by_itself_has_the_same_bounded_queue(tmp_path: Path) -> None:
    with serving(alone(queue_limit=1)) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        client.submit(*gate.call)
        gate.wait()
        queued = client.submit(tasks.identity, 1)
        eventually(lambda: client.status()["queue_length"] == 1)
        assert client.status()["queue_limit"] == 1
        with Client(node.address or "", token=TOKEN) as other, pytest.raises(Rejected) as caught:
            other.with_options(retries=0).run(tasks.identity, 2)
        assert caught.value.reason is RejectReason.QUEUE_FULL
        gate.open()
        assert queued.result() == 1


def test_node_that_listens_by_itself_kills_what_overruns(tmp_path: Path) -> None:
    with serving(alone()) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        client.run(tasks.pid)  # the worker has the module then
        future = client.with_options(timeout=0.3).submit(*gate.call)
        gate.wait()
        (pid,) = pids(node)
        error = future.exception(WITHIN_S)
        assert isinstance(error, TaskExpired)
        assert error.may_have_run is MayHaveRun.YES
        assert error.node == node.name
        eventually(lambda: pid_ended(pid))


def test_node_that_listens_by_itself_has_max_payload_for_tasks_too() -> None:
    with serving(alone(max_payload=10_000)) as node, Client(node.address or "", token=TOKEN) as client:
        with pytest.raises(Rejected) as caught:
            client.run(len, bytes(20_000))
        assert caught.value.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize("ending", [Node.shutdown, Node.drain])
def test_end_of_a_node_that_listens_by_itself_answers_everybody(tmp_path: Path, ending: Callable[[Node], None]) -> None:
    with serving(alone(drain_timeout=0.05)) as node, Client(node.address or "", token=TOKEN) as client:
        gate, behind = TaskGate(tmp_path), TaskGate(tmp_path, "behind")
        running = client.submit(*gate.call)
        gate.wait()
        queued = client.submit(*behind.call)
        eventually(lambda: client.status()["queue_length"] == 1)
        ending(node)
        lost = running.exception(WITHIN_S), queued.exception(WITHIN_S)
        assert all(isinstance(error, TaskLost) for error in lost)
        assert node.wait(WITHIN_S)


def test_drain_of_a_node_that_listens_by_itself_finishes_what_is_here(tmp_path: Path) -> None:
    with serving(alone(drain_timeout=60.0)) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        running = client.submit(*gate.call)
        gate.wait()
        queued = client.submit(tasks.identity, 7)
        eventually(lambda: client.status()["queue_length"] == 1)
        node.drain()
        eventually(lambda: client.status()["draining"])
        gate.open()
        assert (running.result(WITHIN_S), queued.result(WITHIN_S)) == ("held", 7)
        assert node.wait(WITHIN_S)


def test_port_in_use_is_refused_and_no_worker_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = alone(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ListenRefused, match="is in use"):
            Serving(node)
    assert pids(node) == []


def test_giving_up_before_it_is_ready_closes_its_own_cluster_too() -> None:
    async def main() -> None:
        node = alone(host="127.0.0.1")
        serving_ = asyncio.create_task(node.serve())
        await soon(lambda: node.address)
        assert not node._shell.state.ready_workers()
        serving_.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving_
        with pytest.raises(ConnectionRefusedError), socket.create_connection(parse_address(node.address)):
            pass

    within(main())


@pytest.mark.replaces_parts
def test_broken_invariant_of_its_own_cluster_ends_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise AssertionError("a task is in two places")

    node = alone()
    thread = Serving(node)
    assert node._cluster is not None
    with Client(node.address or "", token=TOKEN) as client:
        monkeypatch.setattr(node._cluster._shell.state, "received", broken)
        assert isinstance(client.submit(tasks.pid).exception(WITHIN_S), TaskLost)
    thread.join()
    assert isinstance(thread.error, AssertionError)
    assert node.wait(0.0)


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
