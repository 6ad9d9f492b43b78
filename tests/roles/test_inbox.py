"""The node's end of an inbox, with a socket in the worker's place."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from argon.protocol.codec import HEADER, HEADER_BYTES
from argon.protocol.messages import Assign, Payload
from argon.roles.inbox import PACKET_BYTES, Inbox, cut

LARGE = bytes(range(256)) * 2048


class Ends:
    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.setblocking(False)
        self.inbox = Inbox(self.near, self.far)

    def give(self, id_: int, payload: Payload = b"work") -> bool:
        self.inbox.put(Assign(id_, 1, 2, 0.0, 7, payload))
        return self.inbox.send()

    def take(self) -> bytes:
        return self.far.recv(PACKET_BYTES, socket.MSG_DONTWAIT)

    def take_id(self) -> int:
        return int(HEADER.unpack_from(self.take())[4])


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.near.close()
    ends.far.close()


def test_small_task_is_one_packet(ends: Ends) -> None:
    assert ends.give(1, (b"wo", b"rk")) is False
    assert ends.take()[HEADER_BYTES:] == b"work"
    with pytest.raises(BlockingIOError):
        ends.take()


def test_task_that_was_taken_does_not_come_back(ends: Ends) -> None:
    for id_ in (1, 2, 3):
        ends.give(id_)
    assert ends.take_id() == 1
    assert ends.inbox.take_back() == [2, 3]
    with pytest.raises(BlockingIOError):
        ends.take()


def test_large_task_is_a_header_and_the_pieces(ends: Ends) -> None:
    blocked = ends.give(1, (LARGE[:1000], memoryview(LARGE)[1000:]))
    header = ends.take()
    assert len(header) == HEADER_BYTES
    length = HEADER.unpack_from(header)[0]
    received = bytearray()
    while len(received) < length:
        received += ends.take()
        blocked = ends.inbox.send()
    assert received == LARGE
    assert not blocked


def test_large_task_waits_until_everything_is_answered(ends: Ends) -> None:
    ends.give(1)
    assert ends.give(2, LARGE) is False  # it waits for an answer, not for the socket
    assert ends.take_id() == 1
    with pytest.raises(BlockingIOError):
        ends.take()
    ends.inbox.answered(1)
    ends.inbox.send()
    assert ends.take_id() == 2


def test_nothing_follows_a_large_task_until_it_is_answered(ends: Ends) -> None:
    ends.give(1, LARGE[:200_000])
    ends.give(2)
    ends.take()
    received = 0
    while received < 200_000:
        received += len(ends.take())
        ends.inbox.send()
    with pytest.raises(BlockingIOError):
        ends.take()
    ends.inbox.answered(1)
    ends.inbox.send()
    assert ends.take_id() == 2


def test_large_task_that_is_being_sent_stays_with_its_worker(ends: Ends) -> None:
    assert ends.give(1, LARGE) is True
    ends.give(2)
    assert ends.inbox.take_back() == [2]
    assert ends.take_id() == 1


def test_large_task_that_waits_comes_back(ends: Ends) -> None:
    ends.give(1)
    ends.give(2, LARGE)
    assert ends.inbox.take_back() == [1, 2]
    ends.give(3, LARGE)  # nothing is unanswered any more
    assert ends.take_id() == 3


def test_large_task_not_taken_whole_by_a_worker_that_died_comes_back(ends: Ends) -> None:
    ends.give(1, LARGE)
    ends.give(2)
    ends.take()
    assert ends.inbox.leave() == [1, 2]


def test_large_task_taken_whole_by_a_worker_that_died_does_not_come_back(ends: Ends) -> None:
    ends.give(1, LARGE[:200_000])
    ends.give(2)
    ends.take()
    received = 0
    while received < 200_000:
        received += len(ends.take())
        ends.inbox.send()
    assert ends.inbox.leave() == [2]


def test_full_socket_keeps_the_order_and_loses_nothing(ends: Ends) -> None:
    count = 2000
    blocked = [ends.give(id_, b"x" * 500) for id_ in range(count)]
    assert blocked[0] is False
    assert blocked[-1] is True
    assert not ends.inbox.empty()
    taken: list[int] = []
    while len(taken) < count:
        taken.append(ends.take_id())
        ends.inbox.send()
    assert taken == list(range(count))
    assert ends.inbox.empty()


def test_end_is_found_behind_what_was_sent(ends: Ends) -> None:
    ends.give(1)
    ends.inbox.end()
    assert ends.take_id() == 1
    assert ends.take() == b""
    assert ends.inbox.take_back() == []


def test_broken_channel_is_an_error(ends: Ends) -> None:
    ends.far.shutdown(socket.SHUT_RD)
    with pytest.raises(OSError, match="pipe"):
        ends.give(1)


@pytest.mark.parametrize("size", [0, 1, PACKET_BYTES, PACKET_BYTES + 1, 3 * PACKET_BYTES])
def test_pieces_fit_packets_and_make_the_whole(size: int) -> None:
    pieces = cut(bytes(size))
    assert b"".join(pieces) == bytes(size)
    assert all(0 < len(piece) <= PACKET_BYTES for piece in pieces)
