"""What the kernel says of the other end: it answers for a process that does nothing, and is silent with its machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from argon.net.kernel_liveness import has_unread, is_cut_off, keep_alive, silent_for_s
from tests.support.dead_wire import cut, mend
from tests.support.waiting import wait_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def tcp() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    with one, other:
        yield one, other


@pytest.fixture
def unix() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def fill(sock: socket.socket) -> None:
    """Writes until neither kernel takes more."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(1 << 16))
    except BlockingIOError:
        pass


def test_peer_that_does_not_read_owes_nothing(tcp: Pair, unix: Pair) -> None:
    for one, other in (tcp, unix):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        fill(one)
    probes = iter(range(40))
    wait_until(lambda: silent_for_s(tcp[0]) > 0.0 or next(probes) == 39)  # 0.2 s: the window was probed by then
    assert (silent_for_s(tcp[0]), silent_for_s(unix[0])) == (0.0, 0.0)


def test_peer_whose_machine_does_not_answer_is_silent_until_it_does(tcp: Pair) -> None:
    one, other = tcp
    assert silent_for_s(one) == 0.0
    cut(other)
    one.send(b"are you there")
    wait_until(lambda: silent_for_s(one) > 0.5)
    mend(other)
    wait_until(lambda: silent_for_s(one) == 0.0)
    assert other.recv(100) == b"are you there"


def test_what_was_not_read_is_seen_and_left_there(tcp: Pair, unix: Pair) -> None:
    for one, other in (tcp, unix):
        assert not has_unread(one)
        other.send(b"something")
        wait_until(lambda one=one: has_unread(one))
        assert not is_cut_off(one)
        assert one.recv(100) == b"something"
        assert not has_unread(one)


def test_closed_end_is_known_though_what_came_before_is_not_read(tcp: Pair, unix: Pair) -> None:
    for one, other in (tcp, unix):
        assert not is_cut_off(one)
        other.send(b"the last words")
        other.close()
        wait_until(lambda one=one: is_cut_off(one))
        assert one.recv(100) == b"the last words"


@pytest.mark.parametrize(
    ("heartbeat_s", "dead_after_s", "options"),
    [(5.0, 15.0, (5, 5, 2)), (0.2, 1.0, (1, 1, 1)), (1e6, 1e7, (32767, 32767, 127)), (2.0, 7.0, (2, 2, 3))],
)
def test_kernel_probes_at_the_pace_of_the_heartbeats(
    tcp: Pair, heartbeat_s: float, dead_after_s: float, options: tuple[int, int, int]
) -> None:
    keep_alive(tcp[0], heartbeat_s, dead_after_s)
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    assert tcp[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert tuple(tcp[0].getsockopt(socket.IPPROTO_TCP, name) for name in names) == options
    assert tcp[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0  # who does not read is not dead


def test_kernel_ends_a_silent_connection_by_itself(tcp: Pair, unix: Pair) -> None:
    keep_alive(tcp[0], 1.0, 2.0)
    keep_alive(unix[0], 1.0, 2.0)
    cut(tcp[1])
    wait_until(lambda: is_cut_off(tcp[0]))
    assert not is_cut_off(unix[0])
