"""The cluster process: what each of its parameters does, and the numbers that it tells."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import wait
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.cluster.cluster import Cluster
from argon.errors import AuthenticationFailed, ListenRefused, MayHaveRun, Rejected, RejectReason, TokenInvalid
from argon.net.security import make_token
from argon.protocol.handshake import Role
from argon.settings import Priority, parse_address
from tests.support import light_tasks as tasks
from tests.support.dead_wire import cut as cut_wire
from tests.support.dead_wire import mend as mend_wire
from tests.support.in_process import (
    TOKEN,
    Serving,
    TaskGate,
    eventually,
    free_port,
    greeted,
    held,
    lines,
    make_cluster,
    network,
    serving,
    within,
)
from tests.support.raw_peers import RawPeer

# ---- parameters ----------------------------------------------------------------------------------------------------


def test_constructing_does_not_listen() -> None:
    port = free_port()
    cluster = make_cluster(port=port)
    assert cluster.address == ""
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_host_and_port_are_where_it_listens() -> None:
    port = free_port()
    with serving(make_cluster(host="127.0.0.1", port=port)) as cluster:
        assert cluster.address == f"127.0.0.1:{port}"
        with Client(cluster.address, token=TOKEN) as client:
            assert client.status()["role"] == "cluster"


def test_port_zero_is_chosen_by_the_system() -> None:
    with serving(make_cluster()) as one, serving(make_cluster()) as other:
        assert parse_address(one.address)[1] not in (0, parse_address(other.address)[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_host_that_others_could_reach_is_refused(host: str) -> None:
    with pytest.raises(ListenRefused, match="other machines could reach it"):
        Serving(make_cluster(host=host))


def test_port_in_use_is_refused() -> None:
    with serving(make_cluster(host="127.0.0.1")) as cluster:
        _, port = parse_address(cluster.address)
        with pytest.raises(ListenRefused, match="is in use"):
            Serving(make_cluster(host="127.0.0.1", port=port))


def test_queue_limit_bounds_what_waits(tmp_path: Path) -> None:
    with held(tmp_path, queue_limit=2) as (net, client, gate):
        waiting = [client.submit(os.getpid) for _ in range(2)]
        eventually(lambda: client.status()["queue_length"] == 2)
        with net.client() as other, pytest.raises(Rejected) as caught:
            other.with_options(retries=0).run(os.getpid)
        assert caught.value.reason is RejectReason.QUEUE_FULL
        assert caught.value.retry_after > 0
        assert caught.value.may_have_run is MayHaveRun.NO
        assert client.status()["queue_limit"] == 2
        gate.open()
        assert all(future.result() for future in waiting)


def test_queue_target_bounds_how_long_the_queue_may_stand(tmp_path: Path) -> None:
    def waiting(target: float | str) -> int:
        folder = tmp_path / str(target)
        folder.mkdir()
        with network(queue_target_ms=target) as net, net.client() as client:
            for _ in range(3):
                client.run(time.sleep, 0.02)  # so that it is known what such a task takes
            gate = TaskGate(folder)
            client.submit(*gate.call)
            gate.wait()
            with contextlib.ExitStack() as stack:
                others = [stack.enter_context(net.client()).with_options(retries=0) for _ in range(4)]
                futures = [other.submit(time.sleep, 0.02) for other in others for _ in range(5)]
                eventually(lambda: client.status()["queue_length"] + sum(f.done() for f in futures) == len(futures))
                length: int = client.status()["queue_length"]
                gate.open()
                wait(futures)
            return length

    assert waiting(30.0) < waiting(300.0) <= waiting("off") == 20


def test_client_limit_bounds_what_one_client_has(tmp_path: Path) -> None:
    with held(tmp_path, client_limit=3) as (_, client, gate):
        tasks = [client.submit(os.getpid) for _ in range(2)]
        with pytest.raises(Rejected, match="this client has 3 tasks"):
            client.with_options(retries=0).run(os.getpid)
        gate.open()
        wait(tasks)


def test_queue_bytes_bounds_the_payloads_that_wait(tmp_path: Path) -> None:
    with held(tmp_path, queue_bytes=100_000) as (net, client, gate):
        waiting = client.submit(len, bytes(90_000))
        eventually(lambda: client.status()["queue_bytes"] > 90_000)
        with net.client() as other, pytest.raises(Rejected) as caught:
            other.with_options(retries=0).run(len, bytes(90_000))
        assert caught.value.reason is RejectReason.QUEUE_BYTES
        gate.open()
        assert waiting.result() == 90_000


def test_age_step_is_how_fast_what_waits_becomes_urgent(tmp_path: Path) -> None:
    def order(folder: Path, age_step: float) -> list[str]:
        folder.mkdir()
        path = folder / "order"
        with held(folder, age_step=age_step) as (_, client, gate):
            futures = [client.with_options(priority=Priority.MIN).submit(tasks.note, str(path), "old")]
            eventually(lambda: client.status()["oldest_wait_s"] > 0.1)
            futures.append(client.with_options(priority=Priority.MAX).submit(tasks.note, str(path), "urgent"))
            eventually(lambda: client.status()["queue_length"] == 2)
            gate.open()
            for future in futures:
                future.result()
        return lines(path)

    assert order(tmp_path / "fast", 0.01) == ["old", "urgent"]
    assert order(tmp_path / "slow", 1000.0) == ["urgent", "old"]


def test_heartbeat_and_dead_after_are_told_to_peers() -> None:
    async def main() -> None:
        async with make_cluster(heartbeat=2.5, dead_after=7.5, max_payload=1234) as cluster:
            dialer, welcome = await greeted(cluster, [])
            assert (welcome.heartbeat_s, welcome.dead_after_s, welcome.max_payload_bytes) == (2.5, 7.5, 1234)
            dialer.close("enough")
            await dialer.wait_closed()

    within(main())


def test_node_silent_for_longer_than_dead_after_is_dropped_and_a_client_is_not() -> None:
    with serving(make_cluster(heartbeat=0.05, dead_after=0.15)) as cluster, RawPeer(cluster.address, TOKEN) as client:
        for _ in range(3):  # the client has been silent for long when the last one is dropped
            with RawPeer(cluster.address, TOKEN, Role.NODE) as node:
                eventually(node.is_ended)
        assert not client.is_ended()


def test_client_whose_machine_does_not_answer_for_dead_after_is_dropped() -> None:
    with (
        serving(make_cluster(heartbeat=0.1, dead_after=0.5)) as cluster,
        RawPeer(cluster.address, TOKEN) as vanished,
        RawPeer(cluster.address, TOKEN) as silent,
    ):
        eventually(lambda: len(cluster._shell.links) == 2)
        cut_wire(vanished.sock)
        eventually(lambda: len(cluster._shell.links) == 1)
        mend_wire(vanished.sock)
        eventually(vanished.is_ended)
        assert not silent.is_ended()


def test_peers_that_beat_are_kept_though_nothing_happens() -> None:
    with network(heartbeat=0.05, dead_after=0.2) as net, net.client() as client:
        first = client.status()["nodes"]
        threading.Event().wait(0.5)  # longer than both could be silent
        assert client.status()["nodes"] == first
        assert client.status()["clients"] == 1


def test_token_is_the_one_that_peers_must_have() -> None:
    with serving(make_cluster()) as cluster:
        with pytest.raises(AuthenticationFailed):
            Client(cluster.address, token=make_token())
        with Client(cluster.address, token=TOKEN) as client:
            assert client.status()["clients"] == 1


def test_token_is_made_and_found_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGON_TOKEN", raising=False)
    monkeypatch.setenv("ARGON_TOKEN_FILE", str(tmp_path / "token"))
    with serving(Cluster(port=0)) as cluster, Client(cluster.address) as client:
        assert client.status()["clients"] == 1


def test_unusable_token_is_told_when_it_starts() -> None:
    with pytest.raises(TokenInvalid, match="the token given is empty"):
        Serving(Cluster(port=0, token=""))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("port", [-1, 65536, "8000", 1.0, True, None]),
        ("queue_limit", [0, -1, 10_000_001, "128", 1.5, True]),
        ("queue_bytes", [0, -1, 2.0]),
        ("queue_target_ms", [0, -1, nan, inf, "fast", None, True]),
        ("client_limit", [0, -1, 1.5, "3", True]),
        ("max_payload", [0, -1, 1023, (1 << 31) + 1]),
        ("drain_timeout", [-1, nan, inf, "30"]),
        ("age_step", [0, -1, nan, inf, "1"]),
        ("heartbeat", [0, -1, nan, inf, "1", 15.0, 20.0]),
        ("dead_after", [0, -1, nan, inf, "1", 5.0, 1.0]),
    ],
)
def test_parameter_out_of_range_is_one_sentence_that_names_it(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name) as caught:
            Cluster(**{name: value})
        assert repr(value) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("port", 0, 65535),
        ("queue_limit", 1, 10_000_000),
        ("queue_bytes", 1, 1 << 50),
        ("client_limit", 1, 1 << 30),
        ("max_payload", 1024, 1 << 31),
    ],
)
def test_count_may_be_the_least_and_the_most_and_nothing_beyond(name: str, least: int, most: int) -> None:
    Cluster(**{name: least})
    Cluster(**{name: most})
    for beyond in (least - 1, most + 1):
        with pytest.raises(ValueError, match=name):
            Cluster(**{name: beyond})


# ---- numbers -------------------------------------------------------------------------------------------------------


def test_status_has_the_numbers_that_are_promised(tmp_path: Path) -> None:
    with held(tmp_path, queue_limit=77) as (net, client, gate):
        queued = client.submit(os.getpid)
        eventually(lambda: client.status()["queue_length"] == 1)
        numbers = client.status()
        assert numbers["queue_limit"] == 77
        assert numbers["clients"] == 1
        assert numbers["workers"] == 1
        (node,) = numbers["nodes"]
        assert (node["name"], node["workers"], node["in_flight"]) == (net.node.name, 1, 1)
        names = {"accepted", "completed", "failed", "rejected", "cancelled", "expired", "lost"}
        assert names <= numbers["counters"].keys()
        gate.open()
        queued.result()
        counters = client.status()["counters"]
        assert (counters["accepted"], counters["completed"]) == (2, 2)
