"""What a cluster bears of its peers: strangers, crowds, and those that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import socket
import threading
from typing import Any

import pytest

from argon.call.payload import pack_call
from argon.client.client import Client
from argon.cluster import cluster as cluster_module
from argon.net.channel import Channel
from argon.protocol.messages import Submit
from argon.settings import parse_address
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, WITHIN_S, eventually, make_cluster, network, serving, soon, within
from tests.support.raw_peers import RawPeer


def test_stranger_longest_without_a_proof_makes_room_for_a_newcomer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "MAX_CONNECTIONS", 3)
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        strangers = []
        for count in (1, 2, 3):
            strangers.append(stack.enter_context(socket.create_connection(parse_address(cluster.address))))
            eventually(lambda count=count: len(cluster._shell.strangers) == count)
        stack.enter_context(RawPeer(cluster.address, TOKEN))
        strangers[0].settimeout(WITHIN_S)
        with contextlib.suppress(ConnectionResetError):
            assert strangers[0].recv(1) == b""
        assert len(cluster._shell.strangers) == 2


def test_newcomer_is_closed_where_all_have_proved_the_token_and_one_that_leaves_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "MAX_CONNECTIONS", 2)
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(RawPeer(cluster.address, TOKEN)) for _ in range(2))
        eventually(lambda: len(cluster._shell.links) == 2)
        third = stack.enter_context(socket.create_connection(parse_address(cluster.address), WITHIN_S))
        with contextlib.suppress(ConnectionResetError):
            assert third.recv(1) == b""
        assert not second.is_ended()
        first.sock.close()
        eventually(lambda: len(cluster._shell.links) == 1)
        stack.enter_context(RawPeer(cluster.address, TOKEN))


def test_peers_that_do_not_read_are_cut_off_when_too_much_waits_for_all_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "argon.cluster")
    monkeypatch.setattr(cluster_module, "OUT_BUFFERS_BYTES", 8 << 20)
    monkeypatch.setattr(cluster_module, "_SLOW_READERS_EVERY_S", 0.05)
    payload, kind = pack_call(tasks.identity, (bytes(1 << 20),), {})
    with network() as net, net.client() as client, contextlib.ExitStack() as stack:
        deaf = [stack.enter_context(RawPeer(net.address, TOKEN)) for _ in range(3)]
        for peer in deaf:
            peer.say(*(Submit(id_, 2, False, 0.0, kind, 0, payload) for id_ in range(1, 11)))
        eventually(lambda: client.status()["clients"] < 1 + len(deaf))
        assert client.run(tasks.identity, 7) == 7
        links = net.cluster._shell.links
        eventually(lambda: sum(link.flow()[1] for link in [*links.values()] if isinstance(link, Channel)) <= 8 << 20)
        eventually(lambda: not client.status()["in_flight"])
    assert any("it reads too slowly" in record.getMessage() for record in caplog.records), (
        "each alone was cut off later"
    )


def test_crowd_of_silent_connections_disturbs_nobody() -> None:
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(parse_address(cluster.address)))
        with Client(cluster.address, token=TOKEN) as client:
            assert client.status()["clients"] == 1


def test_strangers_are_closed_when_the_cluster_ends() -> None:
    async def main() -> None:
        async with make_cluster(host="127.0.0.1") as cluster:
            reader, writer = await asyncio.open_connection(*parse_address(cluster.address))
            await soon(lambda: cluster._shell.strangers)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 1.0) == b""
        writer.close()

    within(main())


def test_refused_stranger_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "argon.cluster")
    with serving(make_cluster(host="127.0.0.1")) as cluster:
        with socket.create_connection(parse_address(cluster.address)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
        eventually(lambda: any("speaks HTTP" in record.message for record in caplog.records))


def test_cluster_never_unpickles(monkeypatch: pytest.MonkeyPatch) -> None:
    loaders = set()
    real = pickle.loads

    def watched(*args: Any, **options: Any) -> Any:
        loaders.add(threading.current_thread().name)
        return real(*args, **options)

    monkeypatch.setattr(pickle, "loads", watched)
    with network() as net, net.client() as client:
        assert client.run(sorted, [3, 1, 2]) == [1, 2, 3]
    assert loaders <= {"argon-client"}
