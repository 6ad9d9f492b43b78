"""A crowd that comes at once, at a listener that has no room for all, or does not accept for a while: whoever dials is
let in, or is told so in one sentence. Nobody waits for ever, and nobody takes himself for connected who is not.

A Unix socket whose backlog is full answers a connect with EAGAIN, which both event loops take for success; a TCP port
whose backlog is full does not answer at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from argon.cluster.cluster import Cluster
from argon.errors import ConnectionFailed
from argon.net import dialer as dialer_module
from argon.net import listener as listener_module
from argon.net.channel import Channel
from argon.net.descriptors import raise_descriptor_limit
from argon.net.dialer import Dialer
from argon.net.security import parse_token
from argon.net.unix_socket import connect_beside, listen_beside
from argon.protocol.handshake import Role
from argon.protocol.messages import Welcome
from tests.support.in_process import TOKEN, WITHIN_S, Run, make_cluster, serving, soon

SECRET = parse_token(TOKEN, "")
BURST = 2000
UNIX_BACKLOG = 16
_OTHER_DESCRIPTORS = 500


@pytest.fixture
def burst() -> int:
    """How many connect at once: fewer where the system does not let one process have both ends of so many."""
    raise_descriptor_limit(2 * BURST + _OTHER_DESCRIPTORS)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = BURST if soft == resource.RLIM_INFINITY else min(BURST, (soft - _OTHER_DESCRIPTORS) // 2)
    if possible < BURST:
        sys.stderr.write(f"{possible} connections instead of {BURST}: the limit of descriptors is {soft}\n")
    return possible


@pytest.fixture
def small_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the port there is room for few at a time."""
    if sys.platform != "linux":
        pytest.skip("elsewhere everybody goes by TCP")
    monkeypatch.setattr(
        listener_module, "listen_beside", lambda address, port, _: listen_beside(address, port, UNIX_BACKLOG)
    )


class Crowd:
    """Many who dial at once, and what they have seen.

    Attributes:
        tried: how many have tried the Unix socket.
        families: over what they came in.
        failures: what was told to those who did not, at first.
    """

    def __init__(self, address: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried = 0
        self.families: Counter[int] = Counter()
        self.failures: list[Exception] = []
        monkeypatch.setattr(dialer_module, "connect_beside", self._connect_beside)
        self._dialers = [
            Dialer(
                address,
                Role.CLIENT,
                SECRET,
                on_up=self._up,
                on_messages=lambda *_: None,
                on_down=lambda *_: None,
                on_failure=self.failures.append,
            )
            for _ in range(count)
        ]

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """All connect, and stay connected, until the end of the ``with``."""
        keeping = [asyncio.create_task(dialer.keep()) for dialer in self._dialers]
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.wait(keeping)
            for dialer in self._dialers:
                dialer.close("the test is over")
            await asyncio.gather(*(dialer.wait_closed() for dialer in self._dialers))

    def _connect_beside(self, host: str, port: int) -> socket.socket | None:
        self.tried += 1
        return connect_beside(host, port)

    def _up(self, channel: Channel, welcome: Welcome) -> None:
        assert channel._transport is not None
        self.families[channel._transport.get_extra_info("socket").family] += 1


def clients(cluster: Cluster) -> int:
    """How many the cluster has."""
    return len(cluster._shell.links)


def test_burst_is_let_in_whole(run: Run, burst: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with make_cluster() as cluster:
            crowd = Crowd(cluster.address, burst, monkeypatch)
            async with crowd.kept():
                await soon(lambda: clients(cluster) == crowd.families.total() == burst)
            assert not crowd.failures

    run(main())


def test_burst_that_finds_the_unix_socket_full_is_let_in_by_tcp(
    run: Run, burst: int, small_backlog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with make_cluster() as cluster:  # on the same loop: all have dialled before it accepts anybody
            crowd = Crowd(cluster.address, burst, monkeypatch)
            async with crowd.kept():
                await soon(lambda: clients(cluster) == crowd.families.total() == burst)
            assert not crowd.failures
            assert crowd.families[socket.AF_UNIX] == UNIX_BACKLOG + 1

    run(main())


def test_burst_at_a_cluster_that_does_not_accept_for_a_while_is_let_in_when_it_does(
    run: Run, burst: int, small_backlog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    async def main() -> None:
        crowd = Crowd(cluster.address, burst, monkeypatch)
        assert cluster._loop is not None
        cluster._loop.call_soon_threadsafe(goes_on.wait, WITHIN_S)
        async with crowd.kept():
            await soon(lambda: crowd.tried >= burst)
            assert not crowd.families
            goes_on.set()
            await soon(lambda: clients(cluster) == burst)
        assert all(isinstance(failure, ConnectionFailed) for failure in crowd.failures)

    with serving(make_cluster()) as cluster:
        try:
            run(main())
        finally:
            goes_on.set()


@pytest.fixture
def full() -> Iterator[str]:
    """The address of somebody who accepts nobody, and has no room for anybody who waits."""
    with contextlib.ExitStack() as exits:
        port = exits.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1)).getsockname()[1]
        beside = listen_beside("127.0.0.1", port, 1)
        assert beside is not None
        exits.enter_context(beside)
        for _ in range(2):  # the kernel takes one more than the backlog says
            waiting = connect_beside("127.0.0.1", port)
            assert waiting is not None
            exits.enter_context(waiting)
            exits.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield f"127.0.0.1:{port}"


@pytest.mark.skipif(sys.platform != "linux", reason="how many a backlog takes is the system's matter")
def test_dialler_who_finds_no_room_at_all_is_told_in_one_sentence(
    run: Run, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer_module, "HELLO_TIMEOUT_S", 0.05)

    async def main() -> None:
        dialer = Dialer(
            full,
            Role.NODE,
            SECRET,
            on_up=pytest.fail,
            on_messages=pytest.fail,
            on_down=pytest.fail,  # type: ignore[arg-type]
        )
        with pytest.raises(ConnectionFailed, match=r"did not accept the connection in time") as caught:
            await dialer.connect()
        assert caught.value.address == full

    run(main())
