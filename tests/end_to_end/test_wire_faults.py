"""What a network may do to a connection, done to it: every caller gets one honest answer, and the rest goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from time import monotonic

import pytest

from argon.client.client import Client
from argon.errors import MayHaveRun, TaskLost
from tests.support import light_tasks as tasks
from tests.support.fault_proxy import FaultProxy
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, eventually, make_cluster, make_node, serving

HEARTBEAT_S, DEAD_AFTER_S = 0.2, 1.0
TYPE_AT = 4  # where a frame's header has its type


class Between:
    """A cluster with one node, a proxy before each of the node's and the client's connections, and that client."""

    def __init__(self, to_node: FaultProxy, to_client: FaultProxy, client: Client, direct: Client) -> None:
        self.node = to_node
        self.wire = to_client
        self.client = client
        self.direct = direct

    def works(self) -> None:
        """Tasks come back through both proxies, and past them."""
        for client in (self.client, self.direct):
            assert client.run(tasks.identity, "as before") == "as before"


@pytest.fixture
def between() -> Iterator[Between]:
    with (
        serving(make_cluster(heartbeat=HEARTBEAT_S, dead_after=DEAD_AFTER_S)) as cluster,
        FaultProxy(cluster.address) as to_node,
        FaultProxy(cluster.address) as to_client,
        serving(make_node(manager=to_node.address, workers=1)),
        Client(to_client.address, token=TOKEN) as client,
        Client(cluster.address, token=TOKEN) as direct,
    ):
        yield Between(to_node, to_client, client, direct)


def test_connection_split_at_every_byte_is_the_same(between: Between) -> None:
    blob = hashlib.sha256(b"blob").digest() * 200
    for proxy in (between.node, between.wire):
        proxy.up.piece_bytes = proxy.down.piece_bytes = 1
    assert list(between.client.map(tasks.identity, range(30))) == list(range(30))
    assert between.client.run(tasks.identity, blob) == blob
    assert min(between.node.up.fired, between.wire.down.fired) > 0


def test_messages_that_come_in_one_lump_are_the_same(between: Between) -> None:
    for proxy in (between.node, between.wire):
        proxy.up.gather_s = proxy.down.gather_s = 0.02
    end = monotonic() + WITHIN_S
    while not between.wire.up.fired:  # on a machine that is slow just then, all may come in one read, or each alone
        assert monotonic() < end
        futures = [between.client.submit(tasks.identity, number) for number in range(300)]
        assert [future.result(WITHIN_S) for future in futures] == list(range(300))


def test_payload_that_travels_for_longer_than_a_peer_may_be_silent_kills_nobody(between: Between) -> None:
    blob = hashlib.sha256(b"blob").digest() * 12_000
    slow = (between.wire.up, between.node.down, between.node.up, between.wire.down)
    for way in slow:
        way.bytes_per_s = 300_000  # so each takes 1.3 s
    assert between.client.run(tasks.identity, blob) == blob
    assert min(way.fired for way in slow) > 0
    assert between.direct.status()["counters"]["lost"] == 0
    assert (between.node.accepted, between.wire.accepted) == (1, 1), "nobody had to connect again"


def test_slow_network_kills_nobody(between: Between) -> None:
    for proxy in (between.node, between.wire):
        proxy.up.delay_s = proxy.down.delay_s = 0.25
    assert between.client.run(tasks.identity, 1) == 1
    assert list(between.client.map(tasks.identity, range(20))) == list(range(20))
    assert min(way.fired for proxy in (between.node, between.wire) for way in (proxy.up, proxy.down)) > 0
    assert between.direct.status()["counters"]["lost"] == 0
    assert (between.node.accepted, between.wire.accepted) == (1, 1), "nobody had to connect again"


def test_connection_cut_inside_a_frame_loses_that_task_and_no_other(between: Between) -> None:
    between.wire.up.cut_after = 100_000
    future = between.client.submit(tasks.identity, b"x" * 300_000)
    with pytest.raises(TaskLost) as caught:
        future.result(WITHIN_S)
    assert caught.value.may_have_run is not MayHaveRun.YES
    assert between.wire.up.fired == 1
    between.wire.wait_accepted(2)
    between.works()


def test_frame_that_stops_in_the_middle_holds_its_place_no_longer_than_a_peer_may_be_silent(between: Between) -> None:
    between.wire.up.stop_after = 100_000
    future = between.client.submit(tasks.identity, b"x" * 300_000)
    eventually(lambda: between.wire.up.fired)
    eventually(lambda: between.direct.status()["counters"]["rejected"] == 1)
    assert between.direct.status()["queue_bytes"] == 0
    assert not future.done()
    between.wire.up.recover()
    between.wire.wait_accepted(2)  # the client has learned that what it sends does not arrive
    assert future.result(WITHIN_S) == b"x" * 300_000, "it never ran, so it was sent again"
    between.works()


def test_client_that_does_not_read_its_results_disturbs_nobody(between: Between) -> None:
    between.wire.down.stops_reading = True
    futures = [between.client.submit(tasks.identity, b"x" * (1 << 20)) for _ in range(10)]
    eventually(lambda: between.wire.down.fired > 0)
    assert list(between.direct.map(tasks.identity, range(20))) == list(range(20))
    for future in futures:  # the client hears nothing more of its cluster either, and gives it up
        with pytest.raises(TaskLost):
            future.result(WITHIN_S)
    between.wire.down.recover()
    between.wire.wait_accepted(2)
    between.works()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_corrupted_header_ends_the_connection_and_nothing_else(between: Between, direction: str) -> None:
    wire = getattr(between.wire, direction)
    wire.corrupt_at = TYPE_AT
    future = between.client.submit(tasks.identity, 1)
    with pytest.raises(TaskLost):
        future.result(WITHIN_S)
    assert wire.fired == 1
    between.wire.wait_accepted(2)
    between.works()


def test_client_whose_connection_is_reset_is_told_and_comes_back(tmp_path: Path, between: Between) -> None:
    gate = TaskGate(tmp_path)
    running = between.client.submit(*gate.call)
    gate.wait()
    between.wire.reset()
    with pytest.raises(TaskLost) as caught:
        running.result(WITHIN_S)
    assert caught.value.may_have_run is MayHaveRun.UNKNOWN
    between.wire.wait_accepted(2)
    between.works()  # so its worker is free again


def test_client_that_half_closes_has_left(tmp_path: Path, between: Between) -> None:
    gate = TaskGate(tmp_path)
    running = between.client.submit(*gate.call)
    gate.wait()
    between.wire.half_close()
    with pytest.raises(TaskLost):
        running.result(WITHIN_S)
    eventually(lambda: between.direct.status()["counters"]["cancelled"] == 1)
    between.wire.wait_accepted(2)
    between.works()


def test_node_in_a_black_hole_is_dead_and_its_task_is_told_so_in_time(tmp_path: Path, between: Between) -> None:
    gate = TaskGate(tmp_path)
    running = between.direct.submit(*gate.call)
    gate.wait()
    between.node.up.swallows = between.node.down.swallows = True
    with pytest.raises(TaskLost) as caught:
        running.result(WITHIN_S)
    assert caught.value.may_have_run is MayHaveRun.UNKNOWN
    assert between.node.up.fired > 0
    between.node.up.recover()
    between.node.down.recover()
    between.node.wait_accepted(2)
    eventually(lambda: [node["workers"] for node in between.direct.status()["nodes"]] == [1])
    between.works()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_one_way_silence_is_noticed_by_both_sides(between: Between, direction: str) -> None:
    wire = getattr(between.wire, direction)
    wire.swallows = True
    futures = [between.client.submit(tasks.identity, number) for number in range(5)]
    done, _ = wait(futures, WITHIN_S)
    assert all(isinstance(future.exception(), TaskLost) for future in done)
    assert len(done) == len(futures)
    assert wire.fired > 0
    wire.recover()
    between.wire.wait_accepted(2)
    between.works()
