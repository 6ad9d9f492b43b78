"""A crowd that is silent, slow or does not read: it costs the cluster little, disturbs nobody, and is gone at last."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import argon
from argon.call.payload import pack_call
from argon.protocol.handshake import MAGIC, VERSION, Role
from argon.protocol.messages import Submit
from argon.settings import parse_address
from tests.end_to_end import tasks
from tests.support import light_tasks
from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork, quiet
from tests.support.raw_peers import RawPeer
from tests.support.waiting import WITHIN_S, wait_until

MIB = 1 << 20
FOR_ALL_BYTES = 64 * MIB
IMPATIENT = f"""
import argon
from argon.cluster import cluster as module
module.OUT_BUFFERS_BYTES, module._SLOW_READERS_EVERY_S = {FOR_ALL_BYTES}, 0.05
cluster = argon.Cluster(port=0, heartbeat=0.3, dead_after=1.5, queue_target_ms="off")
cluster.start(lambda: print(cluster.address, flush=True))
"""
EACH = 100
DEAF, ASKED = 20, 32
OVERHEAD_BYTES = 64 * MIB
"""What may be used besides what waits to be sent: far less than one large thing for each of the crowd."""


class Impatient:
    """A cluster that soon takes the silent for dead and keeps little for the deaf, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.pid = process.pid
        self.address = address

    def rss_bytes(self) -> int:
        """The memory that it holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@pytest.fixture
def cluster(network: ProcessNetwork) -> Iterator[Impatient]:
    command = [sys.executable, "-c", IMPATIENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=network.environment) as process:
        try:
            assert process.stdout is not None
            yield Impatient(process, process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture
def client(network: ProcessNetwork, cluster: Impatient, checker: EntryChecker) -> Iterator[argon.Client]:
    """A client that is served before, meanwhile and after, by a node that stays."""
    node = network.node(cluster.address, "one", "--workers", "2")
    client = network.client(cluster.address)
    checker.submit_many(client.submit, 50, tasks.mark)
    checker.close()
    yield client
    checker.submit_many(client.submit, 50, tasks.mark)
    checker.close()
    assert not checker.errors()
    assert quiet(client.status(), 2)
    assert node.errors() == ""
    client.close()
    node.end()


def token(network: ProcessNetwork) -> str:
    return network.token_file.read_text()


def stranger(cluster: Impatient, says: bytes) -> socket.socket:
    """A connection that says so much, and no more."""
    sock = socket.create_connection(parse_address(cluster.address), WITHIN_S)
    sock.sendall(says)
    return sock


@contextmanager
def crowd_of_no_use(cluster: Impatient, client: argon.Client, checker: EntryChecker) -> Iterator[ExitStack]:
    """Connections that cost little, disturb nobody, and are cut off."""
    descriptors, rss_bytes = cluster.descriptors(), cluster.rss_bytes()
    with ExitStack() as crowd:
        yield crowd
        checker.submit_many(client.submit, 100, tasks.mark)
        checker.close()
        assert cluster.rss_bytes() < rss_bytes + OVERHEAD_BYTES
        wait_until(lambda: cluster.descriptors() == descriptors)


def test_strangers_that_prove_nothing_cost_little_and_are_cut_off(
    cluster: Impatient, client: argon.Client, checker: EntryChecker
) -> None:
    descriptors = cluster.descriptors()
    with crowd_of_no_use(cluster, client, checker) as crowd:
        for says in (b"", MAGIC[:2], MAGIC + bytes([VERSION, Role.CLIENT])):
            for _ in range(EACH):
                crowd.enter_context(stranger(cluster, says))
        wait_until(lambda: cluster.descriptors() == descriptors + 3 * EACH)


def test_silent_nodes_are_taken_for_dead_and_silent_clients_cost_little_while_they_stay(
    network: ProcessNetwork, cluster: Impatient, client: argon.Client, checker: EntryChecker
) -> None:
    with ExitStack() as clients:
        with crowd_of_no_use(cluster, client, checker) as crowd:
            for _ in range(EACH):
                crowd.enter_context(RawPeer(cluster.address, token(network), Role.NODE))
        descriptors, rss_bytes = cluster.descriptors(), cluster.rss_bytes()
        for _ in range(EACH):
            clients.enter_context(RawPeer(cluster.address, token(network)))
        with crowd_of_no_use(cluster, client, checker) as crowd:  # for as long as these nodes are let in
            crowd.enter_context(RawPeer(cluster.address, token(network), Role.NODE))
        assert client.status()["clients"] == 1 + EACH
        assert cluster.rss_bytes() < rss_bytes + OVERHEAD_BYTES
    wait_until(lambda: cluster.descriptors() == descriptors)
    assert client.status()["clients"] == 1


def test_frames_that_are_begun_and_not_ended_keep_no_place(
    network: ProcessNetwork, cluster: Impatient, client: argon.Client, checker: EntryChecker
) -> None:
    payload, kind = pack_call(light_tasks.identity, (bytes(MIB),), {})
    whole = Submit(1, 2, False, 0.0, kind, 0, payload)
    descriptors, rss_bytes = cluster.descriptors(), cluster.rss_bytes()
    with ExitStack() as crowd:
        for _ in range(EACH):
            peer = crowd.enter_context(RawPeer(cluster.address, token(network)))
            peer.say_part(whole, 1000)
        wait_until(lambda: client.status()["queue_bytes"] >= EACH * MIB or client.status()["counters"]["rejected"])
        wait_until(lambda: client.status()["queue_bytes"] == 0)
        checker.submit_many(client.submit, 100, tasks.mark)
        checker.close()
        assert client.status()["clients"] == 1 + EACH
        assert cluster.rss_bytes() < rss_bytes + OVERHEAD_BYTES
    wait_until(lambda: cluster.descriptors() == descriptors)


def test_clients_that_ask_for_much_and_do_not_read_are_cut_off_when_too_much_waits_for_all(
    network: ProcessNetwork, cluster: Impatient, client: argon.Client, checker: EntryChecker
) -> None:
    payload, kind = pack_call("builtins:bytes", (MIB,), {})
    descriptors, rss_bytes = cluster.descriptors(), cluster.rss_bytes()
    with ExitStack() as crowd:
        for _ in range(DEAF):
            peer = crowd.enter_context(RawPeer(cluster.address, token(network)))
            peer.say(*(Submit(id_, 2, False, 0.0, kind, 0, payload) for id_ in range(ASKED)))
            assert peer.said_something()  # and more will come, which it does not read
            wait_until(lambda: quiet(client.status(), 2))
        checker.submit_many(client.submit, 100, tasks.mark)
        checker.close()
        assert client.status()["counters"]["completed"] > 150 + DEAF * ASKED // 2
        assert client.status()["clients"] < 1 + DEAF
        assert cluster.rss_bytes() < rss_bytes + 2 * FOR_ALL_BYTES + OVERHEAD_BYTES < DEAF * ASKED * MIB / 2
    wait_until(lambda: cluster.descriptors() == descriptors)
    assert client.status()["clients"] == 1
