"""What a node believes of what its worker says: the process is real, and the test speaks in its place."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from argon.ipc.inbox import PACKET_BYTES
from argon.node.launch import Launch
from argon.node.worker_handle import PACKETS_AT_ONCE, WorkerHandle
from argon.protocol.codec import encode
from argon.protocol.messages import Drain, Heartbeat, Message, Outcome, Status, Submit, payload_bytes
from tests.support.processes import WITHIN_S, open_descriptors, wait_until_ended


@pytest.fixture
def process() -> Iterator[WorkerHandle]:
    process = WorkerHandle(1, Launch("node-1", [], 1 << 20), "mark.1", memoryview(bytearray(PACKET_BYTES)))
    os.kill(process.pid, signal.SIGSTOP)  # it says nothing itself, unless it has already
    yield process
    process.signal(signal.SIGKILL)
    assert process.wait_and_close(WITHIN_S) == -signal.SIGKILL


def say(process: WorkerHandle, *messages: Message, extra: bytes = b"") -> None:
    frames = [encode(message) for message in messages]
    speak(process, b"".join(header + bytes(payload) for header, payload in frames) + extra)  # type: ignore[arg-type]


def speak(process: WorkerHandle, data: bytes) -> None:
    process._worker_end.send(data, socket.MSG_DONTWAIT)


def outcome(id_: int, payload: bytes = b"") -> Outcome:
    return Outcome(id_, Status.COMPLETED, payload=payload)


def test_outcomes_are_read_and_a_heartbeat_means_ready(process: WorkerHandle) -> None:
    say(process, Heartbeat(), outcome(1))
    say(process, outcome(2))
    answers = process.read() + process.read()
    assert [answer.id for answer in answers] == [1, 2]
    assert process.ready
    assert process.reason == ""
    assert process.read() == []


def test_packet_that_is_not_full_is_the_last_of_a_read(process: WorkerHandle) -> None:
    say(process, Heartbeat(), outcome(1))
    say(process, outcome(2))
    assert [answer.id for answer in process.read()] == [1]
    assert [answer.id for answer in process.read()] == [2]


def test_nothing_is_read_behind_a_breach(process: WorkerHandle) -> None:
    speak(process, bytes(PACKET_BYTES))
    say(process, outcome(1))
    assert process.read() == []
    assert process.read() == []


def test_outcome_cut_into_packets_is_whole_again(process: WorkerHandle) -> None:
    header, payload = encode(outcome(1, bytes(200_000)))
    assert isinstance(payload, bytes)
    speak(process, header + payload[:100_000])
    assert process.read() == []
    speak(process, payload[100_000:])
    (answer,) = process.read()
    assert payload_bytes(answer.payload) == 200_000


@pytest.mark.parametrize(
    "message",
    [
        Drain(),
        Submit(1, 2, False, 0.0, 7, 0, b""),
        Outcome(1, Status.REJECTED),
        Outcome(1, Status.LOST),
    ],
)
def test_anything_but_outcomes_is_a_breach(process: WorkerHandle, message: Message) -> None:
    say(process, outcome(5), message)
    assert [answer.id for answer in process.read()] == [5]
    assert process.reason == "wrote to Argon's channel"


def test_garbage_is_a_breach(process: WorkerHandle) -> None:
    speak(process, b"garbage " * 100)
    assert process.read() == []
    assert process.reason == "wrote to Argon's channel"


def test_outcome_over_the_limit_is_a_breach(process: WorkerHandle) -> None:
    header, _ = encode(outcome(1, bytes((1 << 20) + 1)))
    speak(process, header)
    assert process.read() == []
    assert process.reason == "wrote to Argon's channel"


def test_channel_shut_by_a_task_is_a_breach(process: WorkerHandle) -> None:
    process._worker_end.shutdown(socket.SHUT_WR)
    process.read()
    assert process.reason == "closed Argon's channel"


def test_read_leaves_off_after_a_number_of_packets() -> None:
    process = WorkerHandle(1, Launch("node-1", [], 1 << 30), "mark.1", memoryview(bytearray(PACKET_BYTES)))
    try:
        os.kill(process.pid, signal.SIGSTOP)
        header, _ = encode(Outcome(1, Status.COMPLETED, payload=bytes(1 << 24)))
        speak(process, header)
        for _ in range(2 * PACKETS_AT_ONCE):
            process.read(1)
            speak(process, bytes(PACKET_BYTES))
        assert process.read() == []
    finally:
        process.signal(signal.SIGKILL)
        process.wait_and_close(WITHIN_S)


def test_finished_is_what_was_sent_and_what_was_not_each_once(process: WorkerHandle) -> None:
    say(process, outcome(1), outcome(2))
    for id_ in (2, 3):
        header, _ = encode(outcome(id_))
        process._outbox.append(header)
    process.signal(signal.SIGKILL)
    wait_until_ended(process.pid)
    assert [answer.id for answer in process.finished()] == [1, 2, 3]


def test_finished_after_a_breach_is_what_is_in_the_outbox(process: WorkerHandle) -> None:
    header, _ = encode(outcome(3))
    process._outbox.append(header)
    speak(process, b"garbage " * 100)
    process.read()
    say(process, outcome(4))
    process.signal(signal.SIGKILL)
    wait_until_ended(process.pid)
    assert [answer.id for answer in process.finished()] == [3]


def test_finished_after_a_task_has_closed_the_channel_is_all_that_was_sent_before(process: WorkerHandle) -> None:
    say(process, outcome(1))
    say(process, outcome(2))
    process._worker_end.shutdown(socket.SHUT_RDWR)
    process.reason = "closed Argon's channel"  # as the pool notes it when it has something to send
    assert [answer.id for answer in process.finished()] == [1, 2]
    assert process.reason == "closed Argon's channel"


def test_finished_reads_to_the_end_whatever_packets_the_outcomes_lie_in(process: WorkerHandle) -> None:
    header, payload = encode(outcome(1, bytes(100_000)))
    assert isinstance(payload, bytes)
    for data in (header, payload[:1], payload[1:]):
        speak(process, data)
    for id_ in range(2, 50):
        say(process, outcome(id_))
    assert [answer.id for answer in process.finished()] == list(range(1, 50))


@pytest.mark.replaces_parts
@pytest.mark.parametrize("broken", ["create_page", "Outbox", "create_claims", "subprocess.Popen"])
def test_process_that_cannot_be_started_leaves_nothing_open(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    before = open_descriptors()
    monkeypatch.setattr(f"argon.node.worker_handle.{broken}", fail)
    with pytest.raises(OSError, match="Too many") as caught:
        WorkerHandle(1, Launch("node-1", [], 1 << 20), "mark.1", memoryview(bytearray(PACKET_BYTES)))
    assert open_descriptors() == before, "though the error holds what was half made"
    assert caught.tb


def test_buried_process_leaves_nothing_open() -> None:
    before = open_descriptors()
    process = WorkerHandle(1, Launch("node-1", [], 1 << 20), "mark.1", memoryview(bytearray(PACKET_BYTES)))
    process.signal(signal.SIGKILL)
    process.wait_and_close(WITHIN_S)
    assert open_descriptors() == before


def test_program_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError):
        WorkerHandle(1, Launch("node-1", [], 1 << 20), "mark.1", memoryview(bytearray(PACKET_BYTES)))


def test_channel_whose_other_end_was_closed_unread_is_a_breach(process: WorkerHandle) -> None:
    process.signal(signal.SIGKILL)
    wait_until_ended(process.pid)
    process.node_end.send(b"never read")
    process._worker_end.close()
    assert process.read() == []
    assert process.reason == "closed Argon's channel"
