"""Packets that are lost, in a network of the test's own: loss is survived, silence is noticed, and either heals.

The node and the client dial ``127.1``, which is loopback without a Unix socket beside it, so that there are packets.
Whoever watches goes by that socket, which no rule touches.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from argon.client.client import Client
from argon.cluster.cluster import Cluster
from argon.errors import MayHaveRun, TaskLost
from tests.support import light_tasks as tasks
from tests.support.fault_proxy import FaultProxy
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, eventually, make_cluster, make_node, pid_ended, serving
from tests.support.namespace import Namespace, own_namespace
from tests.support.network import ProcessNetwork, stop


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with own_namespace() as namespace:
        yield namespace


def by_packets(cluster: Cluster) -> str:
    return f"127.1:{port_of(cluster)}"


def port_of(cluster: Cluster) -> str:
    return cluster.address.rpartition(":")[2]


def one_in(packets: int, port: str) -> list[str]:
    """Matches one of so many packets, to or from a port: not by chance, so that no unlucky row of them is possible."""
    return [f"tcp {end} {port} numgen inc mod {packets} == {packets // 2}" for end in ("dport", "sport")]


def test_every_tenth_packet_lost_costs_nobody_anything(namespace: Namespace) -> None:
    with serving(make_cluster(heartbeat=0.5, dead_after=5.0)) as cluster:
        namespace.drop(*one_in(10, port_of(cluster)))
        with (
            serving(make_node(manager=by_packets(cluster), workers=2)),
            Client(by_packets(cluster), token=TOKEN) as client,
            Client(cluster.address, token=TOKEN) as watcher,
        ):
            for number in range(40):
                assert client.run(tasks.identity, number) == number
            assert list(client.map(tasks.identity, range(200))) == list(range(200))
            assert namespace.dropped > 10
            numbers = watcher.status()
            assert numbers["counters"]["lost"] == numbers["counters"]["requeued"] == 0
            assert [node["workers"] for node in numbers["nodes"]] == [2]


@pytest.mark.parametrize("ends", [["dport"], ["sport"], ["dport", "sport"]], ids=["to", "from", "either way"])
def test_node_that_one_way_is_silent_is_lost_on_both_sides_and_comes_back(
    tmp_path: Path, namespace: Namespace, ends: list[str]
) -> None:
    gate = TaskGate(tmp_path)
    with (
        serving(make_cluster(heartbeat=0.2, dead_after=1.0)) as cluster,
        serving(make_node(manager=by_packets(cluster), workers=1)),
        Client(cluster.address, token=TOKEN) as client,
    ):
        worker = client.run(tasks.pid)
        running = client.submit(*gate.call)
        gate.wait()
        namespace.drop(*(f"tcp {end} {port_of(cluster)}" for end in ends))
        with pytest.raises(TaskLost) as caught:
            running.result(WITHIN_S)
        assert caught.value.may_have_run is MayHaveRun.UNKNOWN
        eventually(lambda: pid_ended(worker))  # so the node knows as well: it has ended what nobody waits for
        assert namespace.dropped > 0
        namespace.heal()
        assert client.run(tasks.identity, "as before") == "as before"
        assert client.status()["counters"]["lost"] == 1


PATIENT = """
import argon
cluster = argon.Cluster(port=0, heartbeat=0.5, dead_after=5.0)
cluster.start(lambda: print(cluster.address, flush=True))
"""


def test_load_delay_loss_and_a_stopped_cluster_together_are_nobodys_death(
    tmp_path: Path, namespace: Namespace, network: ProcessNetwork
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PATIENT], stdout=subprocess.PIPE, text=True, env=network.environment
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            token = network.token_file.read_text()
            namespace.drop(*one_in(20, address.rpartition(":")[2]))
            with FaultProxy(address) as proxy:
                proxy.up.delay_s = proxy.down.delay_s = 0.25  # half a second there and back
                with (
                    serving(make_node(manager=proxy.address, workers=2, token=token)),
                    Client(proxy.address, token=token) as client,
                ):
                    gates = [TaskGate(tmp_path, name) for name in ("one", "two")]
                    futures = [client.submit(*gate.call) for gate in gates]
                    for gate in gates:
                        gate.wait()
                    futures += [client.submit(tasks.identity, "held") for _ in range(30)]
                    stop(process.pid)
                    time.sleep(1.2)  # more than two heartbeats of everybody
                    process.send_signal(signal.SIGCONT)
                    for gate in gates:
                        gate.open()
                    assert [future.result(WITHIN_S) for future in futures] == ["held"] * 32
                    counters = client.status()["counters"]
                    assert (counters["completed"], counters["lost"], counters["requeued"]) == (32, 0, 0)
                assert proxy.accepted == 2, "nobody had to connect again"
                assert proxy.up.fired > 0
                assert namespace.dropped > 0
        finally:
            process.kill()


def test_machine_with_nothing_but_ipv6_is_enough(namespace: Namespace) -> None:
    subprocess.run(["ip", "-4", "address", "flush", "dev", "lo"], check=True)
    with socket.socket(socket.AF_UNIX) as occupier:
        occupier.bind("\0argon/::1:8000")  # so that nothing can listen beside the port, and everybody goes by packets
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("127.0.0.1", 8000), WITHIN_S)
        with (
            serving(make_cluster(host="::1", port=8000)) as cluster,
            serving(make_node(manager=cluster.address, workers=1)),
            Client(cluster.address, token=TOKEN) as client,
        ):
            assert cluster.address == "[::1]:8000"
            assert client.run(tasks.identity, 6) == 6
