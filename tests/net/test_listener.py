"""Where a cluster listens: on this machine only, with one clear sentence for everything else."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import closing

import pytest

from argon.errors import ListenRefused
from argon.net import listener
from argon.net.listener import listen
from argon.settings import parse_address
from tests.support.in_process import free_port, within


class Hello(asyncio.Protocol):
    """Says one word to whoever connects."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


def refusal(host: str, port: int) -> str:
    with pytest.raises(ListenRefused) as caught:
        listen(host, port, Hello)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def heard(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    with closing(writer):
        return await reader.read()


@pytest.fixture
def dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose localhost has an address of each family."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
    ]
    monkeypatch.setattr(listener.socket, "getaddrinfo", lambda host, *_, **__: found if host == "localhost" else [])


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")


def test_listening_accepts_and_says_where() -> None:
    async def main() -> None:
        server, address = listen("127.0.0.1", 0, Hello)
        host, port = parse_address(address)
        assert host == "127.0.0.1"
        assert await heard(host, port) == b"hello"
        server.close()

    within(main())


def test_given_port_is_used() -> None:
    async def main() -> None:
        port = free_port()
        server, address = listen("127.0.0.1", port, Hello)
        assert address == f"127.0.0.1:{port}"
        server.close()

    within(main())


@pytest.mark.usefixtures("ipv6", "dual_stack")
def test_name_of_two_addresses_has_the_same_port_on_both_and_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        server, address = listen("localhost", 0, Hello)
        host, port = parse_address(address)
        assert host == "localhost"
        monkeypatch.undo()
        assert await heard("127.0.0.1", port) == b"hello"
        assert await heard("::1", port) == b"hello"
        server.close()
        await asyncio.sleep(0)
        for loopback in ("127.0.0.1", "::1"):
            with pytest.raises(ConnectionRefusedError):
                await heard(loopback, port)

    within(main())


@pytest.mark.usefixtures("ipv6", "dual_stack")
def test_port_zero_is_tried_again_when_the_other_family_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bind, refusals = listener._bound_socket, [ListenRefused("taken"), ListenRefused("taken")]

    def bind_in_vain(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
        if family == socket.AF_INET6 and refusals:
            raise refusals.pop()
        return bind(family, address, port)

    monkeypatch.setattr(listener, "_bound_socket", bind_in_vain)

    async def main() -> None:
        server, address = listen("localhost", 0, Hello)
        assert parse_address(address)[1]
        assert refusals == []
        server.close()

    within(main())


@pytest.mark.usefixtures("dual_stack")
def test_given_port_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def bind_in_vain(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        tries.append(port)
        raise ListenRefused("taken")

    monkeypatch.setattr(listener, "_bound_socket", bind_in_vain)
    assert refusal("localhost", 1234) == "taken"
    assert tries == [1234]


@pytest.mark.usefixtures("dual_stack")
def test_port_zero_that_is_refused_again_and_again_is_told_as_it_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def bind_in_vain(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        tries.append(port)
        raise ListenRefused("taken")

    monkeypatch.setattr(listener, "_bound_socket", bind_in_vain)
    assert refusal("localhost", 0) == "taken"
    assert tries == [0] * 5


@pytest.mark.usefixtures("dual_stack")
@pytest.mark.parametrize("missing", [97, 99])
def test_machine_with_none_of_the_addresses_is_told(monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    def none(*_: object) -> socket.socket:
        raise OSError(missing, "not here")

    async def main() -> None:
        monkeypatch.setattr(listener.socket, "socket", none)
        with pytest.raises(ListenRefused, match="none of the addresses of 'localhost'"):
            listen("localhost", 0, Hello)
        monkeypatch.undo()

    within(main())


@pytest.mark.parametrize("first", [socket.AF_INET, socket.AF_INET6])
def test_machine_without_ipv6_listens_on_what_it_has(
    monkeypatch: pytest.MonkeyPatch, first: socket.AddressFamily
) -> None:
    bind, found = listener._bound_socket, [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]

    def bind_ipv4(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
        return None if family == socket.AF_INET6 else bind(family, address, port)

    monkeypatch.setattr(listener, "_loopback_addresses", lambda _: sorted(found, key=lambda one: one[0] != first))
    monkeypatch.setattr(listener, "_bound_socket", bind_ipv4)

    async def main() -> None:
        server, address = listen("localhost", 0, Hello)
        monkeypatch.undo()
        assert await heard("127.0.0.1", parse_address(address)[1]) == b"hello"
        server.close()

    within(main())


@pytest.mark.usefixtures("ipv6")
def test_ipv6_address_is_written_in_brackets() -> None:
    async def main() -> None:
        server, address = listen("::1", 0, Hello)
        assert address.startswith("[::1]:")
        assert await heard(*parse_address(address)) == b"hello"
        server.close()

    within(main())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_address_that_others_could_reach_is_refused_with_what_to_do(host: str) -> None:
    text = refusal(host, 0)
    assert host in text
    assert "not encrypted" in text
    assert "SSH tunnel" in text


def test_name_with_one_address_that_others_could_reach_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 0)),
    ]
    monkeypatch.setattr(listener.socket, "getaddrinfo", lambda *_, **__: found)
    assert "192.0.2.7" in refusal("two-homed", 0)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "", "a..b", "a\0b", "x" * 300])
def test_host_that_does_not_resolve_is_refused(host: str) -> None:
    assert "cannot be resolved" in refusal(host, 0)


def test_port_in_use_is_refused_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} is in use" in refusal("127.0.0.1", port)


def test_port_that_is_bound_and_not_listened_on_is_in_use_too() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def main() -> None:
            server, _ = listen("127.0.0.1", port, Hello)
            with pytest.raises(OSError, match="in use"):
                taken.listen()
            server.close()

        within(main())


def test_port_without_permission_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    async def main() -> None:
        monkeypatch.setattr(listener.socket, "socket", Forbidden)
        with pytest.raises(ListenRefused, match=r"127\.0\.0\.1:80 cannot be listened on: Permission denied"):
            listen("127.0.0.1", 80, Hello)
        monkeypatch.undo()

    within(main())


def test_limit_of_open_files_is_raised_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for soft, hard in ((256, 1024), (256, resource.RLIM_INFINITY), (100_000, 100_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=(soft, hard): limits)

        async def main() -> None:
            server, _ = listen("127.0.0.1", 0, Hello)
            server.close()

        within(main())
    assert asked == [(1024, 1024), (4352, resource.RLIM_INFINITY)]
