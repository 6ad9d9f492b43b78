"""The null relay computes what it should, ends what it has started, and never waits for what is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import peers
from benchmarks.peers.child import ROOT, Child
from benchmarks.relay import HEADER, RESULT, TASK, WINDOW, Peer, RelaySubject
from benchmarks.tasks import echo, noop
from tests.support.processes import has_ended, wait_until_ended


@pytest.fixture(scope="module")
def relay() -> Iterator[RelaySubject]:
    subject = RelaySubject()
    try:
        subject.start()
        yield subject
    finally:
        subject.close()


def pids(relay: RelaySubject) -> list[int]:
    return [*relay._cluster.pids(), *relay._node.pids()]


def run_for_ever(relay: RelaySubject) -> None:
    while True:
        relay.many(noop, range(10))


# ---- what it computes -----------------------------------------------------------------------------------------------


def test_results_come_in_the_order_of_their_arguments(relay: RelaySubject) -> None:
    arguments = list(range(2 * WINDOW + 7))
    assert relay.many(noop, arguments) == arguments


def test_payloads_larger_than_a_read_come_back_whole(relay: RelaySubject) -> None:
    payloads = [os.urandom(size) for size in (0, 1, 256 << 10, 3 << 20)]
    assert relay.many(echo, payloads) == payloads
    assert [relay.one(echo, payload) for payload in payloads] == payloads


def test_every_measurement_gives_a_number(relay: RelaySubject) -> None:
    assert relay.throughput(500) > 0
    assert len(relay.round_trips(20)) == 20
    assert 0 < relay.efficiency(0.001, 10) <= 1
    assert relay.echo(1 << 10, 3) > 0


def test_cpu_is_counted_by_role(relay: RelaySubject) -> None:
    before = relay.cpu_s()
    relay.throughput(500)
    after = relay.cpu_s()
    assert set(after) == {"cluster", "node", "client", "workers"}
    assert all(after[role] > before[role] for role in after)


def test_wrong_results_are_not_counted(relay: RelaySubject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "many", lambda function, arguments: [0] * len(arguments))
    with pytest.raises(RuntimeError, match="wrong results"):
        relay.throughput(3)


class Recorder:
    """A role that writes down its frames."""

    def __init__(self) -> None:
        self.touched: list[Peer] = []
        self.frames: list[tuple[int, int, bytes]] = []

    def handle(self, peer: Peer, number: int, what: int, body: bytes) -> None:
        self.frames.append((number, what, body))
        peer.send(number, RESULT, body)

    def lost(self, peer: Peer) -> None: ...


@pytest.mark.parametrize("read_bytes", [1, 2, 13, 14, 30, 1000])
def test_frames_may_be_split_anywhere(read_bytes: int) -> None:
    frames = [(number, TASK, bytes(range(number))) for number in range(40)]
    stream = b"".join(HEADER.pack(number, len(body), what) + body for number, what, body in frames)
    role, written = Recorder(), bytearray()
    peer = Peer(role)
    peer.out = written.extend
    for begin in range(0, len(stream), read_bytes):
        peer.data_received(stream[begin : begin + read_bytes])
    assert role.frames == frames
    assert written == b"".join(HEADER.pack(number, len(body), RESULT) + body for number, _, body in frames)


def test_all_frames_of_a_read_are_answered_by_one_write() -> None:
    role = Recorder()
    peer, writes = Peer(role), list[bytes]()
    peer.out = writes.append
    peer.data_received(b"".join(HEADER.pack(number, 0, TASK) for number in range(9)))
    assert len(writes) == 1
    assert role.touched == []


def test_its_processes_load_nothing_that_a_bare_relay_does_not_need() -> None:
    program = "import sys, benchmarks.relay; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split()
    assert not {"argon", "msgspec", "benchmarks.subject"} & set(modules)


# ---- how it ends ----------------------------------------------------------------------------------------------------


def test_closing_ends_every_process_and_may_be_repeated() -> None:
    relay = RelaySubject()
    relay.close()
    relay.start()
    started = pids(relay)
    assert len(started) == 4
    relay.close()
    relay.close()
    assert all(map(has_ended, started))


@pytest.mark.parametrize("victim", [0, 1, 2, 3], ids=["cluster", "node", "first worker", "second worker"])
def test_the_client_learns_of_every_death(victim: int) -> None:
    relay = RelaySubject()
    try:
        relay.start()
        os.kill(pids(relay)[victim], signal.SIGKILL)
        with pytest.raises(ConnectionError):
            run_for_ever(relay)
        with pytest.raises(ConnectionError):
            relay.one(noop, 1)
    finally:
        relay.close()


def test_a_child_ends_with_an_owner_that_is_killed() -> None:
    program = "from benchmarks.peers.child import Child; c = Child(['sh', '-c', 'echo $$; sleep 60'])"
    program += "; print(c.line(), flush=True); input()"
    owner = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner:
        pid = int(owner.stdout.readline())
        owner.kill()
    wait_until_ended(pid)


def test_a_child_that_does_not_get_ready_is_an_error() -> None:
    with Child(["true"]) as child, pytest.raises(RuntimeError, match="'true' ended, or said nothing"):
        child.line()


# ---- the peers ------------------------------------------------------------------------------------------------------


def test_a_peer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    monkeypatch.setattr(peers, "path_of", lambda program: "")
    assert peers.available("ppe") == ""
    assert "apt-get install gearman-job-server" in peers.available("gearmand")
    assert "pip install celery redis, apt-get install redis-server" in peers.available("celery")


def test_no_peer_is_imported_before_it_is_asked_for() -> None:
    program = "import sys, benchmarks.peers as p; [p.available(n) for n in p.PEERS]; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split()
    assert not {"distributed", "ray", "celery", "redis"} & set(modules)
