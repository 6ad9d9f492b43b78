"""Raw connections: to a real cluster in this process, and to a socket whose other end is held here."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from argon.errors import RejectReason
from argon.net.security import make_token, parse_token
from argon.protocol.codec import OUTCOME
from argon.protocol.handshake import HandshakeFailed, Role
from argon.protocol.messages import Entered, Goodbye, Heartbeat, Outcome, Reject, Status, Welcome
from benchmarks.frames import Shape, encoded
from benchmarks.wire import Wire, Wires, WireTrouble
from tests.support.in_process import TOKEN, eventually, make_cluster, serving

SECRET = parse_token(TOKEN, "")
ANSWER = Shape(OUTCOME, 6)
WELCOME = Welcome(1, 10, 1 << 20, 5.0, 15.0)


def done(number: int) -> bytes:
    return encoded(Outcome(number, Status.COMPLETED, Entered.YES, payload=b"result"))


@contextmanager
def held_wire() -> Iterator[tuple[Wire, socket.socket]]:
    """A connection, and its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield Wire(ours, ANSWER, WELCOME, b""), theirs


@contextmanager
def clients(address: str, count: int = 1) -> Iterator[Wires]:
    with Wires(address, SECRET, Role.CLIENT, count, ANSWER) as wires:
        yield wires


# --- one connection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 37, 38, 39, 1000])
def test_wire_when_bytes_come_in_pieces_returns_whole_frames_in_order(size: int) -> None:
    stream = done(1) + done(2) + encoded(Heartbeat(9)) + done(3) + encoded(Heartbeat()) + done(4)
    with held_wire() as (wire, _):
        found = [wire.take(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert all(ANSWER.fits(run) for run in found)
    assert b"".join(found) == done(1) + done(2) + done(3) + done(4)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (encoded(Goodbye("enough")), "enough"),
        (encoded(Reject(1, RejectReason.NO_NODES)), "not expected here"),
    ],
    ids=["goodbye", "another outcome"],
)
def test_wire_when_something_else_is_said_ends_the_measurement(said: bytes, why: str) -> None:
    with held_wire() as (wire, _), pytest.raises(WireTrouble, match=why):
        wire.take(done(1) + said)


def test_wire_when_the_other_end_closes_ends_the_measurement() -> None:
    with held_wire() as (wire, theirs):
        theirs.close()
        with pytest.raises(WireTrouble, match="closed"):
            wire.read()


def test_wire_when_the_system_takes_no_more_keeps_the_rest_in_order() -> None:
    with held_wire() as (wire, theirs):
        said = [bytes([number]) * 100_000 for number in range(20)]
        for data in said:
            wire.write(data)
        assert wire.unsent
        received = b""
        while len(received) < 2_000_000:
            received += theirs.recv(1 << 20)
            wire.write_unsent()
        assert received == b"".join(said)
        assert not wire.unsent


# --- many -------------------------------------------------------------------------------------------------------------


def test_clients_when_they_know_the_token_are_there() -> None:
    with serving(make_cluster()) as cluster, clients(cluster.address, 20) as wires:
        wires.await_status("joined by all", lambda status: status.clients == 20)
        assert {wire.welcome.heartbeat_s for wire in wires.all} == {5.0}


def test_clients_when_they_do_not_know_the_token_are_refused() -> None:
    other = parse_token(make_token(), "")
    with serving(make_cluster()) as cluster, pytest.raises(HandshakeFailed):
        Wires(cluster.address, other, Role.CLIENT, 1, ANSWER)


def test_nodes_when_registered_have_names_and_workers() -> None:
    with (
        serving(make_cluster()) as cluster,
        clients(cluster.address) as wires,
        Wires(cluster.address, SECRET, Role.NODE, 3, ANSWER) as nodes,
    ):
        nodes.register("raw", 4)
        wires.await_status("joined by its nodes", lambda status: status.workers == 12)
        assert {node.name for node in wires.status().nodes} == {"raw-1", "raw-2", "raw-3"}


def test_status_that_never_comes_about_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.wire.WITHIN_S", 0.05)
    with (
        serving(make_cluster()) as cluster,
        clients(cluster.address) as wires,
        pytest.raises(WireTrouble, match="not joined by a node"),
    ):
        wires.await_status("joined by a node", lambda status: status.workers == 1)


def test_wires_when_idle_are_never_taken_for_dead() -> None:
    with serving(make_cluster(heartbeat=0.03, dead_after=0.1)) as cluster, clients(cluster.address, 3) as wires:
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            assert wires.poll(0.05) == []
        assert wires.status().clients == 3


def test_wires_when_only_others_are_polled_are_never_taken_for_dead() -> None:
    with (
        serving(make_cluster(heartbeat=0.03, dead_after=0.1)) as cluster,
        clients(cluster.address, 3),
        clients(cluster.address) as others,
    ):
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            assert others.poll(0.05) == []
        assert others.status().clients == 4


def test_wires_when_closed_leave_the_cluster() -> None:
    with serving(make_cluster()) as cluster, clients(cluster.address) as observer:
        with clients(cluster.address, 5):
            observer.await_status("joined by all", lambda status: status.clients == 6)
        eventually(lambda: observer.status().clients == 1)
