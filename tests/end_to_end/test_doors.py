"""Who may come in, and what becomes of those who may not. One network serves all these tests."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator

import pytest

import argon
from argon.errors import AuthenticationFailed
from argon.net.security import make_token
from argon.settings import parse_address
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork, RunningCommand, quiet
from tests.support.waiting import WITHIN_S, wait_until

TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(193)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNetwork]:
    with ProcessNetwork(tmp_path_factory.mktemp("doors")) as network:
        yield network


@pytest.fixture(scope="module")
def cluster(network: ProcessNetwork) -> RunningCommand:
    cluster = network.cluster()
    network.node(cluster, "one", "--workers", "1")
    return cluster


@pytest.fixture
def client(network: ProcessNetwork, cluster: RunningCommand, checker: EntryChecker) -> Iterator[argon.Client]:
    """A client that is served before, during and after."""
    with network.client(cluster) as client:
        checker.submit_many(client.submit, 50, tasks.work, 0.001)
        yield client
        checker.submit_many(client.submit, 20, tasks.mark)
        checker.close()
        assert not checker.errors()
        assert quiet(client.status(), 1)


def test_token_file_is_made_for_its_owner_alone(network: ProcessNetwork, cluster: RunningCommand) -> None:
    assert network.token_file.stat().st_mode & 0o777 == 0o600


def test_client_with_a_wrong_token_is_refused(cluster: RunningCommand, client: argon.Client) -> None:
    with pytest.raises(AuthenticationFailed, match="the token is not that of the cluster"):
        argon.Client(cluster.address, token=make_token())


def test_command_with_a_wrong_token_says_so_in_one_sentence(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client
) -> None:
    ran = network.run("run", "math:sqrt", "4", "--cluster", cluster.address, ARGON_TOKEN=make_token())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "the token is not that of the cluster" in ran.stderr


def test_node_with_a_wrong_token_is_refused(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client
) -> None:
    ran = network.run("node", "--manager", cluster.address, "--workers", "1", ARGON_TOKEN=make_token())
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "the token is not that of the cluster" in ran.stderr
    assert [node["name"] for node in client.status()["nodes"]] == ["one"]


def test_address_that_others_could_reach_is_refused(network: ProcessNetwork) -> None:
    ran = network.run("cluster", "--host", "0.0.0.0", "--port", "0")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "not encrypted" in ran.stderr


def test_port_that_is_taken_is_named(network: ProcessNetwork, cluster: RunningCommand) -> None:
    port = cluster.address.rpartition(":")[2]
    ran = network.run("cluster", "--port", port)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "is in use" in ran.stderr
    assert port in ran.stderr


def test_second_node_of_a_name_is_refused_and_the_first_goes_on(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client
) -> None:
    second = network.begin_node(cluster, "one", "--workers", "1")
    wait_until(lambda: "the name one is in use" in second.errors())
    assert [(node["name"], node["workers"]) for node in client.status()["nodes"]] == [("one", 1)]
    second.end()


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", TLS_HELLO, os.urandom(1 << 16), b"\0" * 100, b""],
    ids=["http", "tls", "noise", "zeros", "nothing"],
)
def test_garbage_at_the_door_is_cut_off_and_disturbs_nobody(
    cluster: RunningCommand, client: argon.Client, garbage: bytes
) -> None:
    with socket.create_connection(parse_address(cluster.address), WITHIN_S) as stranger:
        try:
            stranger.sendall(garbage)
            if not garbage:
                stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(4096):
                pass
        except ConnectionResetError:
            pass  # it was cut off before it had read everything


def test_many_silent_connections_disturb_nobody(
    cluster: RunningCommand, client: argon.Client, checker: EntryChecker
) -> None:
    strangers = [socket.create_connection(parse_address(cluster.address), WITHIN_S) for _ in range(100)]
    checker.submit_many(client.submit, 20, tasks.mark)
    checker.close()
    for stranger in strangers:
        stranger.close()


def is_turned_away(stranger: socket.socket) -> bool:
    stranger.setblocking(False)
    try:
        return stranger.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


def test_cluster_without_descriptors_turns_newcomers_away_quietly_and_serves_whom_it_has(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker
) -> None:
    before = cluster.errors()
    used = len(os.listdir(f"/proc/{cluster.pid}/fd"))
    limits = resource.prlimit(cluster.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(cluster.pid, resource.RLIMIT_NOFILE, (used + 8, limits[1]))
    try:
        strangers = [socket.create_connection(parse_address(cluster.address), WITHIN_S) for _ in range(60)]
        wait_until(lambda: len(os.listdir(f"/proc/{cluster.pid}/fd")) >= used + 8)
        wait_until(lambda: sum(map(is_turned_away, strangers)) >= 60 - 8)
        checker.submit_many(client.submit, 20, tasks.mark)
        checker.close()
        for stranger in strangers:
            stranger.close()
        wait_until(lambda: len(os.listdir(f"/proc/{cluster.pid}/fd")) <= used)
        with network.client(cluster) as newcomer:
            assert newcomer.run("math:sqrt", 4) == 2.0
    finally:
        resource.prlimit(cluster.pid, resource.RLIMIT_NOFILE, limits)
    said = cluster.errors().removeprefix(before)
    assert said.count("\n") == 1
    assert "new connections are closed" in said
