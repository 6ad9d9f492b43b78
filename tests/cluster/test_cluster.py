"""The cluster process: what each of its parameters does, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.call.payload import pack_call
from argon.client.client import Client
from argon.cluster import cluster as cluster_module
from argon.cluster.cluster import Cluster
from argon.errors import (
    AuthenticationFailed,
    ListenRefused,
    MayHaveRun,
    Rejected,
    RejectReason,
    RemoteError,
    ResultNotSerializable,
    TaskExpired,
    TaskLost,
    TokenInvalid,
    WorkerDied,
)
from argon.net.channel import Channel
from argon.net.dialer import Dialer
from argon.net.security import make_token, parse_token
from argon.protocol.handshake import Role
from argon.protocol.messages import Message, Submit, Welcome
from argon.settings import MAX_PAYLOAD_BYTES, MIN_MAX_PAYLOAD_BYTES, Priority, parse_address
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    ThreadNetwork,
    eventually,
    free_port,
    lines,
    make_cluster,
    network,
    serving,
    soon,
    within,
)
from tests.support.raw_peers import RawPeer


@contextlib.contextmanager
def held(folder: Path, **options: Any) -> Iterator[tuple[ThreadNetwork, Client, TaskGate]]:
    """A network whose only worker is inside a task."""
    with network(**options) as net, net.client() as client:
        gate = TaskGate(folder)
        client.submit(*gate.call)
        gate.wait()
        yield net, client, gate


async def greeted(cluster: Cluster, downs: list[str]) -> tuple[Dialer, Welcome]:
    """A raw client's connection, that says nothing by itself, and the welcome it was given."""
    welcomes: list[Welcome] = []

    def up(_: Channel, welcome: Welcome) -> None:
        welcomes.append(welcome)

    def said(_: Channel, messages: list[Message]) -> None: ...

    dialer = Dialer(
        cluster.address,
        Role.CLIENT,
        parse_token(TOKEN, ""),
        on_up=up,
        on_messages=said,
        on_down=lambda _, reason: downs.append(reason),
    )
    await dialer.connect()
    return dialer, welcomes[0]


# ---- parameters --------------------------------------------------------------------------------------------------


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


def test_max_payload_bounds_a_task_at_once_and_for_good(tmp_path: Path) -> None:
    with network(max_payload=10_000) as net, net.client() as client:
        with pytest.raises(Rejected) as caught:
            client.run(len, bytes(20_000))
        assert caught.value.reason is RejectReason.TOO_LARGE
        assert caught.value.retry_after == 0
        assert client.run(len, bytes(9_000)) == 9_000


def test_max_payload_above_the_default_lets_tasks_and_results_through() -> None:
    size = MAX_PAYLOAD_BYTES + (1 << 20)
    with network(max_payload=2 * size, node={"max_payload": 2 * size}) as net, net.client() as client:
        assert client.run(len, bytes(size)) == size
        assert len(client.run(bytes, size)) == size


def test_result_over_the_nodes_own_max_payload_is_refused_though_the_cluster_allows_more() -> None:
    with network(max_payload=1 << 20, node={"max_payload": 10_000}) as net, net.client() as client:
        assert client.run(len, bytes(100_000)) == 100_000
        with pytest.raises(ResultNotSerializable, match="over the max_payload of 10000"):
            client.run(bytes, 100_000)


@pytest.mark.parametrize(
    "call",
    [(bytes, 2 << 20), (tasks.fail, ValueError, "x" * ((1 << 20) - 100))],
    ids=["result", "exception"],
)
def test_answer_over_max_payload_costs_nobody_else_anything(tmp_path: Path, call: tuple[Any, ...]) -> None:
    network_ = network(workers=2, max_payload=(1 << 20) + 1000)
    with network_ as net, net.client() as client, net.client() as other:
        gate = TaskGate(tmp_path)
        running = other.submit(*gate.call)
        gate.wait()
        error = client.submit(*call).exception(WITHIN_S)
        assert isinstance(error, ResultNotSerializable | RemoteError), error
        assert error.may_have_run is MayHaveRun.YES
        assert error.node == net.node.name
        gate.open()
        assert running.result(WITHIN_S) == "held"


def test_least_max_payload_has_room_for_every_failure() -> None:
    least = MIN_MAX_PAYLOAD_BYTES
    with network(max_payload=least, node={"max_payload": least, "name": "n" * 128}) as net, net.client() as client:
        with pytest.raises(ResultNotSerializable, match=f"over the max_payload of {least}"):
            client.run(bytes, 2 * least)
        with pytest.raises(RemoteError, match="ValueError: "):
            client.run(tasks.fail, ValueError, "\N{GRINNING FACE}" * 200)
        with pytest.raises(WorkerDied) as caught:
            client.run(tasks.die, 9)
        assert caught.value.node == net.node.name
        with pytest.raises(TaskExpired):
            client.with_options(timeout=0.2).run("time:sleep", 60)
        assert client.run(tasks.identity, 1) == 1


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


def test_peer_silent_for_longer_than_dead_after_is_dropped() -> None:
    async def main() -> None:
        downs: list[str] = []
        async with make_cluster(heartbeat=0.05, dead_after=0.15) as cluster:
            await greeted(cluster, downs)
            await soon(lambda: downs)

    within(main())


def test_peers_that_beat_are_kept_though_nothing_happens() -> None:
    with network(heartbeat=0.05, dead_after=0.2) as net, net.client() as client:
        first = client.status()["nodes"]
        threading.Event().wait(0.5)  # longer than both could be silent
        assert client.status()["nodes"] == first
        assert client.status()["clients"] == 1


@pytest.mark.parametrize("ending", ["shutdown", "drain"])
def test_end_answers_everything_pending(tmp_path: Path, ending: str) -> None:
    with held(tmp_path, drain_timeout=0.05) as (net, client, _):
        gate = TaskGate(tmp_path, "second")
        queued = client.submit(*gate.call)
        eventually(lambda: client.status()["queue_length"] == 1)
        running = client.status()["in_flight"]
        getattr(net.cluster, ending)()
        error = queued.exception(WITHIN_S)
        assert running == 1
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.NO
        assert "the cluster shut down" in str(error)
        assert net.cluster.wait(WITHIN_S)


def test_end_answers_a_running_task_as_lost_with_its_node(tmp_path: Path) -> None:
    with network() as net, net.client() as client:
        gate = TaskGate(tmp_path)
        running = client.submit(*gate.call)
        gate.wait()
        net.cluster.shutdown()
        error = running.exception(WITHIN_S)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.UNKNOWN
        assert error.node == net.node.name
        assert error.attempt == 1


def test_drain_finishes_what_is_here_and_takes_nothing_new(tmp_path: Path) -> None:
    with held(tmp_path, drain_timeout=60.0) as (net, client, gate):
        queued = client.submit(os.getpid)
        eventually(lambda: client.status()["queue_length"] == 1)
        net.cluster.drain()
        eventually(lambda: client.status()["draining"])
        with pytest.raises(Rejected) as caught:
            client.with_options(retries=0).run(os.getpid)
        assert caught.value.reason is RejectReason.DRAINING
        assert not net.cluster.wait(0.0)
        gate.open()
        assert queued.result(WITHIN_S)
        assert net.cluster.wait(WITHIN_S)


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


# ---- numbers -----------------------------------------------------------------------------------------------------


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


# ---- peers -------------------------------------------------------------------------------------------------------


def test_stranger_longest_without_a_proof_makes_room_for_a_newcomer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "MAX_CONNECTIONS", 3)
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        strangers = []
        for count in (1, 2, 3):
            strangers.append(stack.enter_context(socket.create_connection(parse_address(cluster.address))))
            eventually(lambda count=count: len(cluster._shell.strangers) == count)
        stack.enter_context(RawPeer(cluster.address, TOKEN))
        strangers[0].settimeout(WITHIN_S)
        with contextlib.suppress(ConnectionResetError):
            assert strangers[0].recv(1) == b""
        assert len(cluster._shell.strangers) == 2


def test_newcomer_is_closed_where_all_have_proved_the_token_and_one_that_leaves_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "MAX_CONNECTIONS", 2)
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(RawPeer(cluster.address, TOKEN)) for _ in range(2))
        eventually(lambda: len(cluster._shell.links) == 2)
        third = stack.enter_context(socket.create_connection(parse_address(cluster.address), WITHIN_S))
        with contextlib.suppress(ConnectionResetError):
            assert third.recv(1) == b""
        assert not second.is_ended()
        first.sock.close()
        eventually(lambda: len(cluster._shell.links) == 1)
        stack.enter_context(RawPeer(cluster.address, TOKEN))


def test_peers_that_do_not_read_are_cut_off_when_too_much_waits_for_all_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "OUT_BUFFERS_BYTES", 8 << 20)
    monkeypatch.setattr(cluster_module, "_SLOW_READERS_EVERY_S", 0.05)
    payload, kind = pack_call(tasks.identity, (bytes(1 << 20),), {})
    with network() as net, net.client() as client, contextlib.ExitStack() as stack:
        deaf = [stack.enter_context(RawPeer(net.address, TOKEN)) for _ in range(3)]
        for peer in deaf:
            peer.say(*(Submit(id_, 2, False, 0.0, kind, 0, payload) for id_ in range(1, 11)))
        eventually(lambda: client.status()["clients"] < 1 + len(deaf))
        assert client.run(tasks.identity, 7) == 7
        links = net.cluster._shell.links
        eventually(lambda: sum(link.flow()[1] for link in [*links.values()] if isinstance(link, Channel)) <= 8 << 20)
        eventually(lambda: not client.status()["in_flight"])


def test_crowd_of_silent_connections_disturbs_nobody() -> None:
    with serving(make_cluster(host="127.0.0.1")) as cluster, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(parse_address(cluster.address)))
        with Client(cluster.address, token=TOKEN) as client:
            assert client.status()["clients"] == 1


def test_strangers_are_closed_when_the_cluster_ends() -> None:
    async def main() -> None:
        async with make_cluster(host="127.0.0.1") as cluster:
            reader, writer = await asyncio.open_connection(*parse_address(cluster.address))
            await soon(lambda: cluster._shell.strangers)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 1.0) == b""
        writer.close()

    within(main())


def test_refused_stranger_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "argon.cluster")
    with serving(make_cluster(host="127.0.0.1")) as cluster:
        with socket.create_connection(parse_address(cluster.address)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
        eventually(lambda: any("speaks HTTP" in record.message for record in caplog.records))


def test_cluster_never_unpickles(monkeypatch: pytest.MonkeyPatch) -> None:
    loaders = set()
    real = pickle.loads

    def watched(*args: Any, **options: Any) -> Any:
        loaders.add(threading.current_thread().name)
        return real(*args, **options)

    monkeypatch.setattr(pickle, "loads", watched)
    with network() as net, net.client() as client:
        assert client.run(sorted, [3, 1, 2]) == [1, 2, 3]
    assert loaders <= {"argon-client"}


# ---- the end -----------------------------------------------------------------------------------------------------


def test_running_is_true_from_the_start_to_the_end() -> None:
    cluster = make_cluster()
    assert not cluster.running()
    with serving(cluster):
        assert cluster.running()
    assert not cluster.running()


@pytest.mark.replaces_parts
def test_broken_invariant_ends_the_cluster_with_that_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise AssertionError("a task is in two rooms")

    cluster = make_cluster()
    thread = Serving(cluster)
    with Client(cluster.address, token=TOKEN) as client:
        monkeypatch.setattr(cluster._shell.state, "received", broken)
        future = client.submit(os.getpid)
        assert isinstance(future.exception(WITHIN_S), TaskLost)
    thread.join()
    assert isinstance(thread.error, AssertionError)


def test_serving_in_an_asyncio_program_needs_no_thread() -> None:
    async def main() -> None:
        cluster = make_cluster()
        ready = asyncio.Event()
        serving_ = asyncio.create_task(cluster.serve(ready.set))
        await ready.wait()
        dialer, _ = await greeted(cluster, [])
        cluster.shutdown()
        await serving_
        await dialer.wait_closed()

    within(main())


def test_result_over_the_nodes_limit_is_told_by_the_node() -> None:
    with network(node={"max_payload": 10_000}) as net, net.client() as client:
        with pytest.raises(ResultNotSerializable, match="over"):
            client.run(bytes, 20_000)
        assert client.run(bytes, 5_000) == bytes(5_000)
