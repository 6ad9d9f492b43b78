"""The node's end of an inbox, with a socket and a pipe in the worker's place."""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
from collections.abc import Iterator

import pytest

from argon.ipc import inbox as inbox_module
from argon.ipc.inbox import CLAIM, PACKET_BYTES, UNANSWERED_MAX, Inbox, create_claims, cut, open_unclaimed
from argon.protocol.codec import HEADER_BYTES, decode_in_worker, encode_to_worker
from argon.protocol.messages import Payload, payload_bytes
from tests.support.processes import open_descriptors

LARGE = bytes(range(256)) * 2048


class Ends:
    """An inbox, and the other end of it: ``claim`` and ``take`` are what a worker does, and never wait."""

    def __init__(self, claims_bytes: int = 1 << 16) -> None:
        self.node_end, self.worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.node_end.setblocking(False)
        self.waiting, unclaimed, claims = create_claims()
        fcntl.fcntl(claims, fcntl.F_SETPIPE_SZ, claims_bytes)
        self.unclaimed = open_unclaimed(self.waiting)
        self.inbox = Inbox(self.node_end, self.worker_end, unclaimed, claims)

    def close(self) -> None:
        self.inbox.close()
        os.close(self.waiting)
        os.close(self.unclaimed)

    def assign(self, *ids: int, payload: Payload = b"work") -> bool:
        for id_ in ids:
            self.put(id_, payload)
        return self.inbox.send()

    def put(self, id_: int, payload: Payload = b"work", own_packet: bool = False) -> None:
        self.inbox.put(id_, encode_to_worker(id_, 0.0, payload_bytes(payload), 0), payload, own_packet)

    def claim(self) -> int | None:
        """The next id; None when there is none for now, -1 when there never will be."""
        try:
            claim = os.read(self.unclaimed, CLAIM.size)
        except BlockingIOError:
            return None
        return int(CLAIM.unpack(claim)[0]) if claim else -1

    def claims(self) -> list[int]:
        claims = []
        while (id_ := self.claim()) is not None:
            claims.append(id_)
        return claims

    def take(self) -> bytes:
        return self.worker_end.recv(PACKET_BYTES, socket.MSG_DONTWAIT)

    def take_ids(self) -> list[int]:
        """The ids in the next packet."""
        packet, position, ids = memoryview(self.take()), 0, []
        while position < len(packet):
            size_bytes, id_, _, _ = decode_in_worker(packet, position)
            ids.append(id_)
            position += HEADER_BYTES + size_bytes
        return ids

    def take_pieces(self, length: int) -> bytes:
        """The payload behind the header of a large task, for which room is made packet by packet."""
        received = bytearray()
        while len(received) < length:
            received += self.take()
            self.inbox.send()
        return bytes(received)

    def nothing_to_take(self) -> bool:
        try:
            self.take()
        except BlockingIOError:
            return True
        return False

    def answer(self, *ids: int) -> None:
        for id_ in ids:
            self.inbox.answered(id_)
        self.inbox.send()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


# ---- sending ---------------------------------------------------------------------------------------------------------


def test_tasks_assigned_together_are_one_packet_and_a_claim_each(ends: Ends) -> None:
    assert ends.assign(1, 2, 3, payload=(b"wo", b"rk")) is False
    packet = ends.take()
    assert len(packet) == 3 * (HEADER_BYTES + 4)
    assert packet.endswith(b"work")
    assert ends.nothing_to_take()
    assert ends.claims() == [1, 2, 3]
    assert ends.inbox.empty()


def test_task_that_wants_it_has_a_packet_of_its_own(ends: Ends) -> None:
    for id_, own_packet in ((1, False), (2, False), (3, True), (4, False), (5, True), (6, True)):
        ends.put(id_, own_packet=own_packet)
    ends.inbox.send()
    assert [ends.take_ids() for _ in range(5)] == [[1, 2], [3], [4], [5], [6]]
    assert ends.claims() == [1, 2, 3, 4, 5, 6]


def test_packet_is_filled_to_the_last_byte_and_not_further(ends: Ends) -> None:
    quarter = bytes(PACKET_BYTES // 4 - HEADER_BYTES)
    ends.assign(1, 2, 3, 4, 5, payload=quarter)
    packet = ends.take()
    assert len(packet) == PACKET_BYTES
    assert ends.take_ids() == [5]


def test_task_can_be_claimed_only_when_its_packet_is_there(ends: Ends) -> None:
    block = bytes(PACKET_BYTES - HEADER_BYTES)
    assert ends.assign(1, 2, 3, 4, payload=block) is True
    claimed = ends.claims()
    assert [ends.take_ids() for _ in claimed] == [[id_] for id_ in claimed]
    assert ends.nothing_to_take()


def test_full_socket_keeps_the_order_and_loses_nothing(ends: Ends) -> None:
    count = 400
    blocked = [ends.assign(id_, payload=b"x" * 5000) for id_ in range(count)]
    assert blocked[0] is False
    assert blocked[-1] is True
    assert not ends.inbox.empty()
    taken: list[int] = []
    while len(taken) < count:
        taken += ends.take_ids()
        ends.inbox.send()
    assert taken == list(range(count))
    assert ends.claims() == taken
    assert ends.inbox.empty()


def test_no_more_tasks_are_under_way_than_the_pipe_holds_claims_for(ends: Ends) -> None:
    ids = list(range(3 * UNANSWERED_MAX))
    assert ends.assign(*ids) is False, "it waits for answers, not for the socket"
    assert not ends.inbox.empty()
    for id_ in ids:
        assert ends.claim() == id_
        ends.answer(id_)
    assert ends.inbox.empty()


@pytest.mark.parametrize("lead", [1, UNANSWERED_MAX // 3, UNANSWERED_MAX - 1])
def test_pipe_of_the_smallest_size_takes_every_claim_wherever_in_its_pages_they_lie(lead: int) -> None:
    ends = Ends(2 * mmap.PAGESIZE)  # what Linux gives a user who has many pipes
    ends.assign(*range(lead))
    for id_ in range(4 * UNANSWERED_MAX):  # one comes, one goes
        assert ends.assign(lead + id_) is False
        assert ends.claim() == id_
        assert ends.take()
        ends.answer(id_)
    ends.close()


def test_full_pipe_is_an_error_and_holds_nobody_up(ends: Ends) -> None:
    writing = os.open(f"/proc/self/fd/{ends.waiting}", os.O_WRONLY | os.O_NONBLOCK)  # as a hostile task might
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        os.close(writing)
    with pytest.raises(OSError, match="unavailable"):
        ends.assign(1)


def test_broken_channel_is_an_error_and_the_task_comes_back(ends: Ends) -> None:
    ends.worker_end.shutdown(socket.SHUT_RD)
    with pytest.raises(OSError, match="pipe"):
        ends.assign(1)
    assert ends.inbox.take_back() == [1]


# ---- taking back -----------------------------------------------------------------------------------------------------


def test_task_that_was_claimed_does_not_come_back(ends: Ends) -> None:
    ends.assign(1, 2, 3)
    assert ends.claim() == 1
    assert ends.inbox.take_back() == [2, 3]
    assert ends.claim() is None
    assert ends.inbox.take_back() == []


def test_task_taken_back_and_assigned_again_can_be_claimed_once(ends: Ends) -> None:
    ends.assign(1, 2)
    assert ends.inbox.take_back() == [1, 2]
    ends.assign(2)
    assert ends.claims() == [2]
    assert ends.inbox.take_back() == []


def test_everything_comes_back_of_what_was_sent_what_is_half_sent_and_what_waits(ends: Ends) -> None:
    block = bytes(PACKET_BYTES - HEADER_BYTES)
    assert ends.assign(*range(1, 10), payload=block) is True  # one packet is made, and the socket has no room for it
    assert ends.claim() == 1
    assert ends.inbox.take_back() == list(range(2, 10))
    assert ends.inbox.empty()
    assert ends.assign(20) is True  # behind what was taken back
    assert ends.take_ids() == [1]
    assert ends.inbox.send() is False
    assert ends.claims() == [20]


def test_socket_full_of_what_was_taken_back_does_not_hold_up_what_comes_after(ends: Ends) -> None:
    block = bytes(PACKET_BYTES - HEADER_BYTES)
    ends.assign(*range(1, 10), payload=block)
    assert ends.claim() == 1
    assert ends.take_ids() == [1]
    ends.inbox.send()
    ends.inbox.take_back()
    assert ends.assign(20, payload=block) is True  # the worker still has a task, and may yet look for it in the socket
    assert ends.claim() is None
    ends.answer(1)  # now it waits for a claim, and reads nothing until there is one
    assert ends.claims() == [20]
    assert ends.take_ids() == [20]


def test_all_of_a_full_socket_taken_back_makes_room_at_once(ends: Ends) -> None:
    block = bytes(PACKET_BYTES - HEADER_BYTES)
    ends.assign(*range(1, 10), payload=block)
    assert ends.inbox.take_back() == list(range(1, 10))
    assert ends.assign(20, payload=block) is False
    assert ends.claims() == [20]
    assert ends.take_ids() == [20]


# ---- large tasks -----------------------------------------------------------------------------------------------------


def test_large_task_is_a_header_and_the_pieces(ends: Ends) -> None:
    assert ends.assign(1, payload=(LARGE[:1000], memoryview(LARGE)[1000:])) is True
    assert ends.claims() == [1]
    header = ends.take()
    assert len(header) == HEADER_BYTES
    assert ends.take_pieces(decode_in_worker(memoryview(header), 0)[0]) == LARGE
    assert ends.inbox.empty()


def test_large_task_waits_until_everything_is_answered(ends: Ends) -> None:
    ends.assign(1)
    assert ends.assign(2, payload=LARGE) is False  # it waits for an answer, not for the socket
    assert ends.claims() == [1]
    assert ends.take_ids() == [1]
    assert ends.nothing_to_take()
    ends.answer(1)
    assert ends.claims() == [2]
    assert len(ends.take()) == HEADER_BYTES


def test_nothing_goes_with_a_large_task_or_follows_it_until_it_is_answered(ends: Ends) -> None:
    ends.put(1, LARGE[:200_000])
    ends.assign(2, 3)
    assert ends.claims() == [1]
    assert len(ends.take()) == HEADER_BYTES
    ends.take_pieces(200_000)
    assert ends.nothing_to_take()
    ends.answer(1)
    assert ends.claims() == [2, 3]
    assert ends.take_ids() == [2, 3]


def test_large_task_that_is_claimed_stays_with_its_worker(ends: Ends) -> None:
    assert ends.assign(1, payload=LARGE) is True
    ends.assign(2)
    assert ends.claim() == 1
    assert ends.inbox.take_back() == [2]
    ends.take()
    assert ends.take_pieces(len(LARGE)) == LARGE
    ends.answer(1)
    ends.assign(3)
    assert ends.take_ids() == [3]


def test_large_task_that_is_not_claimed_comes_back_and_leaves_nothing_behind(ends: Ends) -> None:
    assert ends.assign(1, payload=LARGE) is True
    ends.assign(2)
    assert ends.inbox.take_back() == [1, 2]
    assert ends.nothing_to_take()
    assert ends.inbox.empty()
    ends.assign(3)
    assert ends.claims() == [3]
    assert ends.take_ids() == [3]


def test_large_task_that_waits_comes_back(ends: Ends) -> None:
    ends.assign(1)
    ends.assign(2, payload=LARGE)
    assert ends.inbox.take_back() == [1, 2]
    ends.assign(3, payload=LARGE)  # nothing is unanswered any more
    assert ends.claims() == [3]


def test_large_task_whose_header_cannot_be_sent_comes_back_with_its_pieces(ends: Ends) -> None:
    ends.worker_end.shutdown(socket.SHUT_RD)
    with pytest.raises(OSError, match="pipe"):
        ends.assign(1, payload=LARGE)
    assert ends.inbox.take_back() == [1]
    assert ends.inbox.empty()


# ---- the end ---------------------------------------------------------------------------------------------------------


def test_end_is_found_behind_what_was_sent(ends: Ends) -> None:
    ends.assign(1, 2)
    ends.inbox.end()
    ends.inbox.end()
    assert [ends.claim(), ends.claim(), ends.claim()] == [1, 2, -1]
    assert ends.inbox.take_back() == []


def test_take_back_behind_the_end_brings_what_is_left(ends: Ends) -> None:
    ends.assign(1, 2)
    ends.inbox.end()
    assert ends.claim() == 1
    assert ends.inbox.take_back() == [2]
    assert ends.claim() == -1


@pytest.mark.replaces_parts
def test_pipe_that_cannot_be_made_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> int:
        raise OSError(24, "Too many open files")

    before = open_descriptors()
    monkeypatch.setattr(inbox_module, "open_unclaimed", fail)
    with pytest.raises(OSError, match="Too many"):
        create_claims()
    assert open_descriptors() == before


@pytest.mark.parametrize("size", [0, 1, PACKET_BYTES, PACKET_BYTES + 1, 3 * PACKET_BYTES])
def test_pieces_fit_packets_and_make_the_whole(size: int) -> None:
    pieces = cut(bytes(size))
    assert b"".join(pieces) == bytes(size)
    assert all(0 < len(piece) <= PACKET_BYTES for piece in pieces)
