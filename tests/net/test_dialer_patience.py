"""The first connection: for how long it is tried, what is worth another try, and what is said in the end."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from argon.errors import AuthenticationFailed, ConnectionFailed
from argon.net import dialer as dialer_module
from argon.net.dialer import Dialer
from argon.net.security import make_token, parse_token
from argon.protocol.handshake import Role
from argon.protocol.messages import Welcome
from tests.support.fake_cluster import SECRET, WELCOME, fake_cluster
from tests.support.in_process import WITHIN_S, free_port, soon, within

OTHER_SECRET = parse_token(make_token(), "")


def a_dialer(address: str, ups: list[Welcome] | None = None) -> Dialer:
    return Dialer(
        address,
        Role.CLIENT,
        SECRET,
        on_up=lambda _, welcome: None if ups is None else ups.append(welcome),
        on_messages=lambda *_: None,
        on_down=lambda *_: None,
    )


def address_of(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pauses last next to nothing; the numbers of failures that they were for."""
    asked: list[int] = []

    def pause_s(failures: int) -> float:
        asked.append(failures)
        return 0.001

    monkeypatch.setattr(dialer_module, "_pause_s", pause_s)
    return asked


def test_cluster_that_comes_later_is_reached(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster(WELCOME) as cluster:
            cluster.stop()
            ups: list[Welcome] = []
            dialling = a_dialer(cluster.address, ups)
            connecting = asyncio.ensure_future(dialling.connect_within(WITHIN_S))
            await soon(lambda: len(pauses) > 2)
            await cluster.listen()
            await connecting
            assert ups == [WELCOME]
            dialling.close("the test is over")
            await dialling.wait_closed()

    within(main())


def test_name_that_does_not_resolve_yet_is_tried_again(pauses: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with fake_cluster(WELCOME) as cluster:
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", cluster.port))]

            def resolve(*_: object, **__: object) -> object:
                if len(pauses) < 2:
                    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
                return found

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            ups: list[Welcome] = []
            dialling = a_dialer(f"later:{cluster.port}", ups)
            await dialling.connect_within(WITHIN_S)
            assert (pauses, ups) == ([1, 2], [WELCOME])
            dialling.close("the test is over")
            await dialling.wait_closed()

    within(main())


def test_cluster_that_does_not_come_is_told_with_what_was_tried_and_the_last_failure() -> None:
    async def main() -> None:
        address = f"127.0.0.1:{free_port()}"
        with pytest.raises(ConnectionFailed) as caught:
            await a_dialer(address).connect_within(0.3)
        last = rf"no Argon cluster at {address} \(Connection refused\); start one with: argon cluster"
        said = last + r"; tried for 0\.3 s, \d+ times?"
        assert re.fullmatch(said, str(caught.value))

    within(main())


@pytest.mark.parametrize("host", ["a..b", "x" * 300])
def test_what_cannot_be_a_name_is_told_at_once(host: str, pauses: list[int]) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionFailed, match="not a host name"):
            await a_dialer(f"{host}:1").connect_within(WITHIN_S)
        assert pauses == []

    within(main())


def test_other_token_and_what_is_no_cluster_are_told_at_once(pauses: list[int]) -> None:
    async def main() -> None:
        async with fake_cluster(token=OTHER_SECRET) as cluster:
            with pytest.raises(AuthenticationFailed):
                await a_dialer(cluster.address).connect_within(WITHIN_S)

        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100))
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            with pytest.raises(ConnectionFailed):
                await a_dialer(address_of(server)).connect_within(WITHIN_S)
        assert pauses == []

    within(main())
