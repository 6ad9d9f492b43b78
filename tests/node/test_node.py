"""The node process: what each of its parameters does."""

from __future__ import annotations

import os
import socket
import threading
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.errors import (
    AddressInvalid,
    AuthenticationFailed,
    MayHaveRun,
    ResultNotSerializable,
    TaskLost,
    TokenInvalid,
    UnknownFunction,
)
from argon.net.security import make_token
from argon.node import node as node_module
from argon.node.node import Node
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    WITHIN_S,
    Serving,
    TaskGate,
    eventually,
    make_cluster,
    make_node,
    network,
    pid_ended,
    serving,
)
from tests.support.observed_nodes import names, pids


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


def test_descriptors_are_asked_for_by_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(node_module, "raise_descriptor_limit", lambda wanted: asked.append(wanted) or 0)  # type: ignore[func-returns-value]
    with serving(make_cluster()) as cluster:
        for workers in (1, 3):
            with serving(make_node(manager=cluster.address, workers=workers)):
                pass
    assert asked == [256 + 8, 256 + 3 * 8]


def test_workers_default_to_the_cpus_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 5, 7}, raising=False)
    assert Node(port=0).workers == 5


@pytest.mark.parametrize(("counted", "workers"), [(3, 3), (None, 1)])
def test_workers_default_to_the_cpus_of_the_machine_where_the_system_does_not_say_which_may_be_used(
    monkeypatch: pytest.MonkeyPatch, counted: int | None, workers: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert Node(port=0).workers == workers


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


def test_heartbeat_and_dead_after_are_those_of_a_node_that_listens() -> None:
    with serving(make_node(port=0, heartbeat=0.5, dead_after=2.5)) as node:
        assert node._cluster is not None
        settings = node._cluster._shell.state.settings
        assert (settings.heartbeat_s, settings.dead_after_s) == (0.5, 2.5)
    assert make_node(port=0)._cluster._shell.state.settings.heartbeat_s == 5.0


def test_heartbeat_and_dead_after_are_the_nodes_own_or_the_clusters() -> None:
    for options, times in (({}, (5.0, 15.0)), ({"heartbeat": 0.5, "dead_after": 77}, (0.5, 77.0))):
        with network(node=options) as net:
            liveness = net.node._shell.state.liveness
            assert (liveness.heartbeat_s, liveness.dead_after_s) == times


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
        ("heartbeat", [0, -1, nan, inf, "1"]),
        ("dead_after", [0, -1, nan, inf, "1"]),
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
