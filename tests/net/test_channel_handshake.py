"""The handshake over a real loopback socket, on both event loops: tokens, slow peers, and strangers."""

from __future__ import annotations

import asyncio
import os

import pytest

from argon.net import channel as channel_module
from argon.net.security import make_token, parse_token
from argon.protocol.framing import Framing
from argon.protocol.handshake import MAGIC, VERSION, PeerHandshake, Role
from argon.protocol.messages import Message
from tests.support.channel_ends import TOKEN, dialled, frame, listening, pair, stranger, submit
from tests.support.in_process import Run, soon

OTHER_TOKEN = parse_token(make_token(), "")


# ---- the handshake -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_right_token_opens_both_sides_and_shows_the_role(run: Run, role: Role) -> None:
    async def main() -> None:
        async with listening() as side:
            dialling = await dialled(side, role=role)
            accepting = await side.end()
            await soon(lambda: dialling.opened and accepting.opened)
            assert accepting.channel.role is role
            dialling.channel.abort("the test is over")
            await side.lost()
            await soon(lambda: dialling.lost)
            assert (dialling.opened, accepting.opened) == (1, 1)

    run(main())


def test_wrong_token_is_refused_before_any_other_byte_is_decoded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> list[Message]:
        raise AssertionError("a byte was decoded")

    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            monkeypatch.setattr(Framing, "feed", never)
            handshake = PeerHandshake(OTHER_TOKEN, Role.CLIENT, os.urandom(32))
            writer.write(handshake.opening())
            challenge = await reader.readexactly(len(MAGIC) + 1 + 32)
            writer.write(handshake.feed(challenge) + frame(submit(1)))
            assert await reader.read() == bytes(32)
            assert "token" in await side.lost()
            end = await side.end()
            assert (end.opened, end.reads, end.channel.role) == (0, [], None)
            assert end.channel.handshake_failure is not None
            assert end.channel.handshake_failure.authentication

    run(main())


def test_dialling_side_with_a_wrong_token_learns_that_it_was_the_token(run: Run) -> None:
    async def main() -> None:
        async with listening() as side:
            end = await dialled(side, OTHER_TOKEN)
            await soon(lambda: end.lost)
            assert end.opened == 0
            assert end.channel.handshake_failure is not None
            assert end.channel.handshake_failure.authentication

    run(main())


def test_handshake_that_comes_byte_by_byte_is_accepted(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            handshake = PeerHandshake(TOKEN, Role.NODE, os.urandom(32))
            out = handshake.opening()
            while not handshake.done:
                for i in range(len(out)):
                    writer.write(out[i : i + 1])
                    await asyncio.sleep(0)
                out = handshake.feed(await reader.read(1))
            assert (await side.end()).channel.role is Role.NODE

    run(main())


@pytest.mark.parametrize("sent", [b"", MAGIC, MAGIC + bytes([VERSION, Role.CLIENT]) + bytes(63)])
def test_handshake_that_does_not_end_in_time_is_cut_off(run: Run, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            writer.write(sent)
            assert await side.lost() == "no handshake in time"
            assert (await side.end()).opened == 0

    run(main())


@pytest.mark.replaces_parts
def test_slow_handshake_has_its_time_in_total_and_not_for_each_byte(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            end = await side.end()
            for byte in MAGIC + bytes([VERSION, Role.CLIENT]) + bytes(63):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)
                if end.lost:
                    break
            assert end.lost == ["no handshake in time"]

    run(main())


def test_open_connection_outlives_the_time_for_the_handshake(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "HELLO_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with pair() as (ours, theirs):
            await asyncio.sleep(0.15)
            assert not ours.lost
            assert not theirs.lost

    run(main())


def test_connection_that_ends_in_the_handshake_is_lost_once_and_never_opened(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (_, writer):
            writer.write(MAGIC)
            writer.write_eof()
            await side.lost()
            end = await side.end()
            await asyncio.sleep(0)
            assert (end.opened, len(end.lost)) == (0, 1)

    run(main())


# ---- strangers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE"])
def test_http_is_answered_with_400_and_closed(run: Run, method: str) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"This is an Argon task port, not HTTP." in answer
            assert "HTTP" in await side.lost()

    run(main())


def test_tls_is_told_apart_and_closed(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(bytes.fromhex("16030100c8010000c40303"))
            assert await reader.read() == b""
            assert "TLS" in await side.lost()

    run(main())


def test_other_bytes_are_closed_with_what_was_expected(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(b"\0\1\2\3")
            assert await reader.read() == b""
            assert await side.lost() == "bad magic: expected a7 52 47 31, got 00 01 02 03"

    run(main())


def test_other_version_is_answered_with_ours(run: Run) -> None:
    async def main() -> None:
        async with listening() as side, stranger(side) as (reader, writer):
            writer.write(MAGIC + bytes([9, Role.CLIENT]))
            assert (await reader.read()).startswith(MAGIC + bytes([VERSION]))
            assert "protocol 9" in await side.lost()

    run(main())
