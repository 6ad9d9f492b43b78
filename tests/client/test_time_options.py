"""``connect_timeout``, ``heartbeat`` and ``dead_after`` of everything that connects: each arrives where it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any

import pytest

from argon.client.async_client import AsyncClient
from argon.client.client import Client
from argon.client.client_connection import ClientConnection
from argon.client.executor import Executor
from argon.client.local import local
from argon.errors import ConnectionFailed
from argon.scheduling.liveness import Liveness
from tests.support.in_process import TOKEN, ThreadNetwork, free_port, network, within

Make = Callable[..., Any]


def connected(address: str, **options: Any) -> ClientConnection:
    """The connection of an AsyncClient, which is closed again."""

    async def main() -> ClientConnection:
        async with AsyncClient(address, token=TOKEN, **options) as client:
            return client._connections[0]

    return asyncio.run(main())


def of_client(address: str, **options: Any) -> ClientConnection:
    with Client(address, token=TOKEN, **options) as client:
        return client._thread.connection


def of_executor(address: str, **options: Any) -> ClientConnection:
    with Executor(address, token=TOKEN, **options) as pool:
        return pool._thread.connection


EACH = pytest.mark.parametrize("make", [connected, of_client, of_executor])


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    with network() as net:
        yield net


def liveness_of(connection: ClientConnection) -> Liveness:
    return connection.shell._state.liveness


@EACH
def test_heartbeat_and_dead_after_are_the_clients_own_or_the_clusters(make: Make, net: ThreadNetwork) -> None:
    for options, times in (
        ({}, (5.0, 15.0)),
        ({"heartbeat": 0.5}, (0.5, 15.0)),
        ({"dead_after": 77}, (5.0, 77.0)),
        ({"heartbeat": 0.5, "dead_after": 77}, (0.5, 77.0)),
    ):
        liveness = liveness_of(make(net.address, **options))
        assert (liveness.heartbeat_s, liveness.dead_after_s) == times


@EACH
def test_time_that_is_none_is_refused(make: Make) -> None:
    for option in ("connect_timeout", "heartbeat", "dead_after"):
        for value in (0, -1, nan, inf, "1", True):
            with pytest.raises(ValueError, match=f"{option} must be a positive number of seconds"):
                make("localhost:1", **{option: value})
    with pytest.raises(ValueError, match=r"dead_after \(2\) must be longer than heartbeat \(2\)"):
        make("localhost:1", heartbeat=2, dead_after=2)


@EACH
@pytest.mark.parametrize(
    ("given", "timeout_s"), [({}, 10.0), ({"connect_timeout": 3}, 3.0), ({"connect_timeout": None}, None)]
)
def test_connect_timeout_is_for_how_long_the_first_connection_is_tried(
    make: Make, net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], timeout_s: float | None
) -> None:
    asked: list[float | None] = []
    connect = ClientConnection.connect

    async def noted(self: ClientConnection, timeout_s: float | None) -> None:
        asked.append(timeout_s)
        await connect(self, timeout_s)

    monkeypatch.setattr(ClientConnection, "connect", noted)
    make(net.address, **given)
    assert asked == [timeout_s]


@EACH
def test_one_attempt_is_enough_where_no_time_is_given(make: Make) -> None:
    with pytest.raises(ConnectionFailed, match=r"start one with: argon cluster$"):
        make(f"127.0.0.1:{free_port()}", connect_timeout=None)


@pytest.mark.parametrize("make", [lambda **o: local(1, **o), lambda **o: Executor(max_workers=1, **o)])
def test_own_cluster_has_the_times_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []
    connect = ClientConnection.connect

    async def noted(self: ClientConnection, timeout_s: float | None) -> None:
        asked.append(timeout_s)
        await connect(self, timeout_s)

    monkeypatch.setattr(ClientConnection, "connect", noted)
    with make(connect_timeout=7, heartbeat=0.5, dead_after=2.5) as owner:
        cluster = owner._local

        async def other() -> None:
            async with AsyncClient(cluster.address, token=cluster.token) as client:
                liveness = liveness_of(client._connections[0])
                assert (liveness.heartbeat_s, liveness.dead_after_s) == (0.5, 2.5)

        within(other())
    assert asked[0] == 7.0


def test_local_refuses_times_before_it_starts_anything() -> None:
    for option in ("connect_timeout", "heartbeat", "dead_after"):
        with pytest.raises(ValueError, match=f"{option} must be a positive number of seconds"):
            local(1, **{option: 0})
