"""The short way: who finds whom beside a port, and who is passed over."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from argon.net import unix_socket
from argon.net.dialer import Dialer
from argon.net.listener import listen
from argon.net.unix_socket import connect_beside, listen_beside
from argon.protocol.handshake import Role
from argon.settings import parse_address
from tests.support.fake_cluster import SECRET
from tests.support.in_process import ThreadNetwork, free_port, network, soon, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere everybody goes by TCP")


class Family(asyncio.Protocol):
    """Notes over what each connection has come."""

    seen: list[socket.AddressFamily]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.seen.append(transport.get_extra_info("socket").family)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[socket.AddressFamily]:
    families: list[socket.AddressFamily] = []
    monkeypatch.setattr(Family, "seen", families, raising=False)
    return families


def dial(host: str, until: socket.AddressFamily) -> None:
    """Listens and connects, until somebody has come in this way; nobody will ever be welcomed."""

    async def main() -> None:
        server, address = listen(host, 0, Family)
        nothing = {"on_up": lambda *_: None, "on_messages": lambda *_: None, "on_down": lambda *_: None}
        with closing(server):
            dialling = asyncio.create_task(Dialer(address, Role.CLIENT, SECRET, **nothing).connect())
            await soon(lambda: until in Family.seen)
            dialling.cancel()
            await asyncio.wait([dialling])

    within(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_dialler_on_the_same_machine_comes_over_the_unix_socket(seen: list[socket.AddressFamily], host: str) -> None:
    dial(host, until=socket.AF_UNIX)
    assert seen == [socket.AF_UNIX]


def test_dialler_comes_over_tcp_where_nobody_listens_beside(
    seen: list[socket.AddressFamily], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argon.net.listener.listen_beside", lambda *_: None)
    dial("127.0.0.1", until=socket.AF_INET)
    assert seen == [socket.AF_INET]


def test_listener_of_another_user_is_passed_over(
    seen: list[socket.AddressFamily], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "_listening_user", lambda _: 54321)
    dial("127.0.0.1", until=socket.AF_INET)
    assert set(seen) <= {socket.AF_UNIX, socket.AF_INET}  # it has looked, and gone away again


def test_kernel_says_whose_process_listens() -> None:
    port = free_port()
    listening = listen_beside("127.0.0.1", port, 1)
    assert listening is not None
    with listening:
        connected = connect_beside("127.0.0.1", port)
        assert connected is not None
        with connected:
            assert unix_socket._listening_user(connected) == unix_socket.os.geteuid()
            assert connected.getblocking() is False


def test_name_that_is_taken_leaves_the_port_to_tcp(seen: list[socket.AddressFamily]) -> None:
    port = free_port()
    taken = listen_beside("127.0.0.1", port, 1)
    assert taken is not None
    with taken:
        assert listen_beside("127.0.0.1", port, 1) is None

        async def main() -> None:
            server, _ = listen("127.0.0.1", port, Family)
            with closing(server):
                reader = await asyncio.open_connection("127.0.0.1", port)
                await soon(lambda: seen)
                reader[1].close()

        within(main())
    assert seen == [socket.AF_INET]


def test_closed_listener_is_gone_at_once() -> None:
    async def main() -> str:
        server, address = listen("127.0.0.1", 0, Family)
        server.close()
        await asyncio.sleep(0)
        return address

    assert connect_beside(*parse_address(within(main()))) is None


@pytest.mark.parametrize("host", ["127.0.0.2", "192.0.2.1", "cluster.example", "::2"])
def test_other_hosts_and_addresses_have_no_short_way(host: str) -> None:
    port = free_port()
    listening = listen_beside("127.0.0.1", port, 1)
    assert listening is not None
    with listening:
        assert connect_beside(host, port) is None


def test_system_without_it_goes_by_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with closing(listen_beside("127.0.0.1", port, 1) or socket.socket()):
        monkeypatch.setattr(unix_socket, "_SUPPORTED", False)
        assert connect_beside("127.0.0.1", port) is None
        assert listen_beside("127.0.0.1", free_port(), 1) is None


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    with network() as net:
        yield net


@pytest.mark.parametrize("beside", [True, False])
def test_tasks_of_any_size_come_back_either_way(
    net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    if not beside:
        monkeypatch.setattr("argon.net.dialer.connect_beside", lambda *_: None)
    with net.client() as client:
        for size_bytes in (0, 1, 1 << 16, 3 << 20):
            assert client.run("tests.support.light_tasks:identity", b"x" * size_bytes) == b"x" * size_bytes


def test_large_payloads_have_room_in_the_socket(net: ThreadNetwork) -> None:
    most = int(Path("/proc/sys/net/core/wmem_max").read_text())
    with net.client() as client:
        channel = client._thread.shell._channel
        assert channel is not None
        assert channel._transport is not None
        sock = channel._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * min(1 << 20, most)  # the kernel doubles it
