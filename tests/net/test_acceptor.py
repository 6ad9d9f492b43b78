"""Who comes in, on both event loops, and what happens at the door while the system has no more descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from argon.net import acceptor as acceptor_module
from argon.net.acceptor import Acceptor
from tests.support.in_process import Run, soon, within

FOR_ONE = (errno.EMFILE, 0, errno.EAGAIN)
"""There is no descriptor for one newcomer, whom the reserve helps to turn away."""

SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Hello(asyncio.Protocol):
    """Says one word to whoever connects."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        transport.write(b"hello")
        transport.close()


class Door(socket.socket):
    """A listening socket that fails as told before it accepts for good; 0 for not at all."""

    failures: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures and (number := self.failures.pop(0)):
            raise OSError(number, "as told")
        return super().accept()


@contextlib.asynccontextmanager
async def door(*failures: int) -> AsyncIterator[tuple[Acceptor, tuple[str, int]]]:
    """An acceptor at one socket, and the socket's address."""
    sock = Door()
    sock.failures = list(failures)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    address = sock.getsockname()
    acceptor = Acceptor([sock], Hello)
    try:
        yield acceptor, address
    finally:
        acceptor.close()


async def heard(address: tuple[str, int]) -> bytes:
    """What is said to a newcomer; nothing if it is turned away."""
    reader, writer = await asyncio.open_connection(*address)
    with contextlib.closing(writer):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The warnings so far."""
    caplog.set_level(logging.DEBUG, "argon.cluster")

    class Lines(list[str]):
        def __iter__(self) -> Iterator[str]:
            return iter(record.message for record in caplog.records if record.levelno >= logging.WARNING)

    return Lines()


def test_crowd_larger_than_one_turns_share_is_let_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor_module, "_ACCEPTED_AT_ONCE", 3)

    async def main() -> None:
        async with door() as (_, address):
            assert await asyncio.gather(*(heard(address) for _ in range(20))) == [b"hello"] * 20

    run(main())


def test_all_sockets_are_accepted_from_and_closed(run: Run) -> None:
    async def main() -> None:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        addresses = [sock.getsockname() for sock in sockets]
        acceptor = Acceptor(sockets, Hello)
        assert [await heard(address) for address in addresses] == [b"hello"] * 2
        acceptor.close()
        acceptor.close()
        for address in addresses:
            with pytest.raises(ConnectionRefusedError):
                await heard(address)

    run(main())


@pytest.mark.parametrize("number", SHORT, ids=lambda number: errno.errorcode[number])
def test_newcomer_without_a_descriptor_is_turned_away_with_one_line_and_the_next_is_let_in(
    run: Run, said: list[str], number: int
) -> None:
    async def main() -> None:
        async with door(number, *FOR_ONE[1:]) as (_, address):
            assert await heard(address) == b""
            assert await heard(address) == b"hello"

    run(main())
    assert [line[:27] for line in said] == ["new connections are closed:"]


@contextlib.contextmanager
def no_descriptors_left() -> Iterator[None]:
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest that is free, which is the one that comes next
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_crowd_that_finds_no_descriptor_at_all_is_turned_away_whole_and_the_next_is_let_in(
    run: Run, said: list[str]
) -> None:
    async def main() -> None:
        async with door() as (acceptor, address):
            crowd = [socket.create_connection(address) for _ in range(30)]
            with no_descriptors_left():
                await soon(lambda: acceptor._resuming is not None)
                for newcomer in crowd:
                    newcomer.setblocking(False)
                    assert await asyncio.get_running_loop().sock_recv(newcomer, 100) == b""
            for newcomer in crowd:
                newcomer.close()
            assert await heard(address) == b"hello"

    run(main())
    assert [line[:27] for line in said] == ["new connections are closed:"]


def test_long_shortage_is_told_now_and_then(run: Run, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with door(*FOR_ONE * 3) as (_, address):
            assert [await heard(address) for _ in range(4)] == [b"", b"", b"", b"hello"]

    run(main())
    assert len(list(said)) == 1
    monkeypatch.setattr(acceptor_module, "_SAID_AGAIN_AFTER_S", 0.0)
    run(main())
    assert len(list(said)) == 1 + 3


def test_pauses_of_a_shortage_double_up_to_a_second_and_begin_anew_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        later = loop.call_later

        def at_once(delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
            if callback.__name__ != "_resume":
                return later(delay, callback, *args)
            pauses_s.append(delay)
            return later(0.0, callback, *args)

        monkeypatch.setattr(loop, "call_later", at_once)
        async with door(*FOR_ONE * 9) as (acceptor, address):
            assert [await heard(address) for _ in range(10)] == [b""] * 9 + [b"hello"]
            assert pauses_s == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
            acceptor._sockets[0].failures.extend(FOR_ONE)  # type: ignore[attr-defined]  # it is a Door
            assert await heard(address) == b""
            assert pauses_s[9:] == [0.01]

    within(main())


def test_newcomer_whom_not_even_the_reserve_helps_waits_until_there_is_a_descriptor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor_module, "_reserve", lambda: None)

    async def main() -> None:
        async with door(errno.ENFILE) as (_, address):
            assert await heard(address) == b"hello"

    run(main())


def test_somebody_who_left_before_being_taken_keeps_nobody_out(run: Run, said: list[str]) -> None:
    async def main() -> None:
        async with door(errno.ECONNABORTED, errno.EAGAIN) as (_, address):
            assert await heard(address) == b"hello"

    run(main())
    assert list(said) == []


def test_connection_that_ends_before_it_begins_is_no_fault(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def fail(*_: object) -> None:
            raise OSError(errno.EINVAL, "it has left")

        monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", fail)
        async with door() as (_, address):
            assert await heard(address) == b""

    within(main())
    assert list(said) == []


def test_closing_in_a_pause_ends_it_and_closing_at_the_door_lets_nobody_in(run: Run) -> None:
    async def main() -> None:
        async with door(*FOR_ONE) as (acceptor, address):
            assert await heard(address) == b""
            acceptor.close()
            with pytest.raises(ConnectionRefusedError):
                await heard(address)
        async with door() as (acceptor, address):
            with socket.create_connection(address) as newcomer:
                acceptor._accept(acceptor._sockets[0])
                acceptor.close()
                await soon(lambda: not acceptor._entering)
                assert newcomer.recv(100) == b""

    run(main())
