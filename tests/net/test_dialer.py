"""Dialling: what it says when it fails, and that it comes back by itself without hammering."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from argon.errors import AddressInvalid, AuthenticationFailed, ConnectionFailed
from argon.net import dialer as dialer_module
from argon.net.channel import Channel
from argon.net.dialer import Dialer
from argon.net.security import make_token, parse_token
from argon.protocol.handshake import ClusterHandshake, Role
from argon.protocol.messages import (
    Cancel,
    Goodbye,
    Heartbeat,
    Message,
    Outcome,
    Status,
    Welcome,
    payload_bytes,
)
from argon.settings import MAX_PAYLOAD_BYTES, RECONNECT_MIN_S
from tests.support.fake_cluster import SECRET, WELCOME, fake_cluster
from tests.support.in_process import free_port, soon, within

OTHER_SECRET = parse_token(make_token(), "")


class Dialling:
    """A dialer, and what it has reported."""

    def __init__(
        self,
        address: str,
        token: bytes = SECRET,
        role: Role = Role.CLIENT,
        on_up: Callable[[Channel, Welcome], object] | None = None,
    ) -> None:
        self.ups: list[Welcome] = []
        self.messages: list[Message] = []
        self.downs: list[str] = []
        self.failures: list[Exception] = []
        self.dialer = Dialer(
            address,
            role,
            token,
            on_up=on_up or (lambda _, welcome: self.ups.append(welcome)),
            on_messages=lambda _, messages: self.messages.extend(messages),
            on_down=lambda _, reason: self.downs.append(reason),
            on_failure=self.failures.append,
        )

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Connected, and connected again, until the end of the ``with``."""
        keeping = asyncio.create_task(self.dialer.keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            self.dialer.close("the test is over")
            await self.dialer.wait_closed()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pauses last next to nothing; the numbers of failures that they were for."""
    asked: list[int] = []

    def pause_s(failures: int) -> float:
        asked.append(failures)
        return 0.001

    monkeypatch.setattr(dialer_module, "_pause_s", pause_s)
    return asked


def address_of(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def failure(address: str, token: bytes = SECRET) -> ConnectionFailed | AuthenticationFailed:
    with pytest.raises((ConnectionFailed, AuthenticationFailed)) as caught:
        await Dialling(address, token).dialer.connect()
    assert "\n" not in str(caught.value)
    assert caught.value.address == address
    return caught.value


# ---- once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_connecting_reports_the_welcome_and_what_comes_behind_it(role: Role) -> None:
    async def main() -> None:
        welcome = Welcome(7, 8, 1000, 5.0, 15.0)
        async with fake_cluster(welcome, Cancel(1), Cancel(2)) as cluster:
            dialling = Dialling(cluster.address, role=role)
            await dialling.dialer.connect()
            assert dialling.ups == [welcome]
            await soon(lambda: len(dialling.messages) == 2)
            assert cluster.open[0].role is role
            cluster.open[0].send(Heartbeat())
            cluster.open[0].flush()
            await soon(lambda: dialling.messages[2:] == [Heartbeat()])
            dialling.dialer.close("enough")
            await dialling.dialer.wait_closed()
            assert dialling.downs == ["enough"]

    within(main())


def test_nobody_there_is_told_with_what_to_do() -> None:
    async def main() -> None:
        address = f"127.0.0.1:{free_port()}"
        assert str(await failure(address)) == (
            f"no Argon cluster at {address} (Connection refused); start one with: argon cluster"
        )

    within(main())


def test_name_of_two_addresses_with_nobody_at_either_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    async def main() -> None:
        assert "(nobody listens there)" in str(await failure(f"two:{port}"))

    within(main())


def test_name_whose_first_address_refuses_is_reached_at_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with fake_cluster(WELCOME) as cluster:
            addresses = [(host, cluster.port) for host in ("127.0.0.2", "127.0.0.1")]
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            dialling = Dialling(f"two:{cluster.port}")
            await dialling.dialer.connect()
            assert dialling.ups == [WELCOME]
            dialling.dialer.close("the test is over")
            await dialling.dialer.wait_closed()

    within(main())


def test_connection_to_itself_is_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens on a port from which connections are made, the system may connect a socket to itself."""

    async def main() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{sock.getsockname()[1]}"
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, sock.getsockname())
            connect = loop.create_connection
            monkeypatch.setattr(loop, "create_connection", lambda factory, *_: connect(factory, sock=sock))
            assert "(nobody listens there)" in str(await failure(address))

    within(main())


def test_connection_that_the_system_gives_up_for_lack_of_an_answer_was_not_accepted_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async def give_up(*_: object) -> None:
            raise OSError(errno.ETIMEDOUT, "the system's own words")

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", give_up)
        said = str(await failure(f"127.0.0.1:{free_port()}"))
        assert "did not accept the connection in time" in said

    within(main())


@pytest.mark.parametrize(
    ("host", "says"),
    [("no-such-host.invalid", "no-such-host.invalid"), ("a..b", "not a host name"), ("x" * 300, "not a host name")],
)
def test_host_that_does_not_resolve_is_told(host: str, says: str) -> None:
    async def main() -> None:
        assert says in str(await failure(f"{host}:1"))

    within(main())


@pytest.mark.parametrize("address", ["localhost", "http://localhost:8000", "::1:8000", "localhost:70000", ""])
def test_address_of_another_form_is_refused_at_once(address: str) -> None:
    with pytest.raises(AddressInvalid):
        Dialling(address)


@pytest.mark.parametrize("limit", [1000, MAX_PAYLOAD_BYTES + 1])
def test_payloads_may_be_as_large_as_the_welcome_says_and_no_larger(limit: int) -> None:
    async def main() -> None:
        async with fake_cluster(Welcome(7, 8, limit, 5.0, 15.0)) as cluster:
            dialling = Dialling(cluster.address)
            await dialling.dialer.connect()
            cluster.say(Outcome(1, Status.COMPLETED, payload=bytes(limit)))
            await soon(lambda: dialling.messages or dialling.downs)
            (outcome,) = dialling.messages
            assert isinstance(outcome, Outcome)
            assert payload_bytes(outcome.payload) == limit
            cluster.say(Outcome(2, Status.COMPLETED, payload=bytes(limit + 1)))
            await soon(lambda: dialling.downs)
            assert f"the limit is {limit}" in dialling.downs[0]
            assert len(dialling.messages) == 1

    within(main())


def test_payload_before_the_welcome_ends_the_connection() -> None:
    async def main() -> None:
        async with fake_cluster(Outcome(1, Status.COMPLETED, payload=b"x"), WELCOME) as cluster:
            assert "the limit is 0" in str(await failure(cluster.address))

    within(main())


def test_other_token_is_told_as_such() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            error = await failure(cluster.address, OTHER_SECRET)
            assert isinstance(error, AuthenticationFailed)
            assert "the token is not that of the cluster" in str(error)

    within(main())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200 OK\r\n", "not an Argon cluster"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an Argon cluster"),
        (b"", "closed the connection"),
        (b"\xa7RG1\x09" + bytes(32), "the cluster speaks protocol 9"),
    ],
    ids=["http", "ssh", "nothing", "newer"],
)
def test_what_is_not_this_argon_is_told(answer: bytes, says: str) -> None:
    async def main() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        error = await failure(address_of(server))
        assert isinstance(error, ConnectionFailed)
        assert says in str(error)
        server.close()

    within(main())


def test_cluster_that_does_not_begin_with_a_welcome_is_refused() -> None:
    async def main() -> None:
        async with fake_cluster(Cancel(1)) as cluster:
            assert "did not begin with a welcome" in str(await failure(cluster.address))

    within(main())


@pytest.mark.parametrize("silent_after", [0, 1])
def test_giving_up_in_the_middle_leaves_no_connection_behind(silent_after: int) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handshake = ClusterHandshake(SECRET, os.urandom(32))
            for _ in range(silent_after * 2):
                writer.write(handshake.feed(await reader.read(1000)))
            with contextlib.suppress(ConnectionError):
                while await reader.read(1000):
                    pass
            ended.set()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        dialling = Dialling(address_of(server))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dialling.dialer.connect(), 0.1)
        await ended.wait()
        server.close()
        assert (dialling.ups, dialling.downs) == ([], [])

    within(main())


# ---- again and again ---------------------------------------------------------------------------------------------


def test_lost_connection_is_renewed_with_a_pause_and_without_a_word_of_failure(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            dialling = Dialling(cluster.address)
            await dialling.dialer.connect()
            async with dialling.kept():
                cluster.open[0].abort("an accident")
                await soon(lambda: len(dialling.ups) == 2)
                assert len(dialling.downs) == 1
                assert dialling.failures == []
                assert pauses == [1]

    within(main())


def test_connection_lost_before_it_is_kept_is_renewed_after_a_pause_too(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster(Welcome(1, 8, 1000, 5.0, 15.0), Goodbye("no")) as cluster:
            dialling = Dialling(cluster.address)
            await dialling.dialer.connect()
            cluster.open[0].abort("an accident")
            await soon(lambda: dialling.downs)
            async with dialling.kept():
                await soon(lambda: len(dialling.ups) == 2)
                assert pauses == [1]

    within(main())


def test_cluster_that_is_away_is_tried_until_it_is_back_and_each_failure_is_told(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            dialling = Dialling(cluster.address)
            await dialling.dialer.connect()
            async with dialling.kept():
                cluster.stop()
                await soon(lambda: len(dialling.failures) >= 3)
                assert all(isinstance(error, ConnectionFailed) for error in dialling.failures)
                await cluster.listen()
                await soon(lambda: len(dialling.ups) == 2)
            assert pauses == sorted(pauses)  # ever longer
            assert len(pauses) >= 4

    within(main())


def test_keeping_that_is_ended_at_the_moment_of_the_welcome_ends() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            dialling = Dialling(cluster.address, on_up=lambda *_: keeping.cancel())
            keeping = asyncio.create_task(dialling.dialer.keep())
            await asyncio.wait([keeping])
            assert keeping.cancelled()
            await soon(lambda: dialling.downs == ["gave up"])

    within(main())


def test_wrong_token_does_not_end_the_trying(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster(token=OTHER_SECRET) as cluster:
            dialling = Dialling(cluster.address)
            async with dialling.kept():
                await soon(lambda: len(dialling.failures) >= 2)
                assert all(isinstance(error, AuthenticationFailed) for error in dialling.failures)
                cluster.token = SECRET
                await soon(lambda: dialling.ups)

    within(main())


def test_connection_that_held_for_long_begins_with_short_pauses_again(
    pauses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer_module, "_STABLE_S", -1.0)

    async def main() -> None:
        async with fake_cluster() as cluster:
            dialling = Dialling(cluster.address)
            async with dialling.kept():
                for times in (1, 2, 3):
                    await soon(lambda times=times: len(dialling.ups) == times)
                    cluster.open[-1].abort("an accident")
                await soon(lambda: len(dialling.ups) == 4)
                assert pauses == [0, 0, 0]

    within(main())


@pytest.mark.replaces_parts
def test_closing_takes_a_deaf_cluster_only_so_long() -> None:
    async def main() -> None:
        async with fake_cluster() as cluster:
            dialling = Dialling(cluster.address)
            await dialling.dialer.connect()
            dialling.dialer._channel.close = lambda reason: None  # type: ignore[union-attr,method-assign]
            dialling.dialer.close("enough")
            await dialling.dialer.wait_closed(0.01)
            await soon(lambda: dialling.downs == ["closing took too long"])

    within(main())


@pytest.mark.parametrize(("failures", "ceiling"), [(0, 0.1), (1, 0.125), (5, 0.305), (17, 4.44), (10_000, 30.0)])
def test_pauses_grow_slowly_and_are_spread(failures: int, ceiling: float) -> None:
    pause_s: Callable[[int], float] = dialer_module._pause_s
    drawn = [pause_s(failures) for _ in range(300)]
    assert RECONNECT_MIN_S / 2 <= min(drawn) < RECONNECT_MIN_S / 2 + ceiling / 10
    assert ceiling * 0.9 < max(drawn) <= ceiling * 1.01


def test_cluster_that_never_welcomes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer_module, "HELLO_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with fake_cluster() as cluster:
            cluster.greeting = ()
            dialling = Dialling(cluster.address)
            with pytest.raises(ConnectionFailed, match="did not complete the handshake in time"):
                await dialling.dialer.connect()
            assert dialling.ups == dialling.downs == []

    within(main())
