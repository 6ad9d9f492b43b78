"""A node that listens by itself, without a cluster process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.errors import ListenRefused, MayHaveRun, Rejected, RejectReason, TaskExpired, TaskLost
from argon.node.node import Node
from argon.settings import parse_address
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    eventually,
    free_port,
    make_node,
    pid_ended,
    serving,
    soon,
    within,
)
from tests.support.observed_nodes import pids


def alone(**options: Any) -> Node:
    return make_node(**{"port": 0, **options})


def test_node_that_listens_by_itself_serves_clients() -> None:
    port = free_port()
    with serving(alone(host="127.0.0.1", port=port, name="anvil")) as node:
        assert node.address == f"127.0.0.1:{port}"
        with Client(node.address, token=TOKEN) as client:
            assert list(client.map(pow, range(50), range(50))) == [n**n for n in range(50)]
            assert client.run(tasks.pid) in pids(node)
            assert len(client.run(bytes, 3 << 20)) == 3 << 20
            numbers = client.status()
            assert [(one["name"], one["workers"]) for one in numbers["nodes"]] == [("anvil", 1)]


def test_node_that_listens_by_itself_has_the_same_bounded_queue(tmp_path: Path) -> None:
    with serving(alone(queue_limit=1)) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        client.submit(*gate.call)
        gate.wait()
        queued = client.submit(tasks.identity, 1)
        eventually(lambda: client.status()["queue_length"] == 1)
        assert client.status()["queue_limit"] == 1
        with Client(node.address or "", token=TOKEN) as other, pytest.raises(Rejected) as caught:
            other.with_options(retries=0).run(tasks.identity, 2)
        assert caught.value.reason is RejectReason.QUEUE_FULL
        gate.open()
        assert queued.result() == 1


def test_node_that_listens_by_itself_kills_what_overruns(tmp_path: Path) -> None:
    with serving(alone()) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        client.run(tasks.pid)  # the worker has the module then
        future = client.with_options(timeout=0.3).submit(*gate.call)
        gate.wait()
        (pid,) = pids(node)
        error = future.exception(WITHIN_S)
        assert isinstance(error, TaskExpired)
        assert error.may_have_run is MayHaveRun.YES
        assert error.node == node.name
        eventually(lambda: pid_ended(pid))


def test_node_that_listens_by_itself_has_max_payload_for_tasks_too() -> None:
    with serving(alone(max_payload=10_000)) as node, Client(node.address or "", token=TOKEN) as client:
        with pytest.raises(Rejected) as caught:
            client.run(len, bytes(20_000))
        assert caught.value.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize("ending", [Node.shutdown, Node.drain])
def test_end_of_a_node_that_listens_by_itself_answers_everybody(tmp_path: Path, ending: Callable[[Node], None]) -> None:
    with serving(alone(drain_timeout=0.05)) as node, Client(node.address or "", token=TOKEN) as client:
        gate, behind = TaskGate(tmp_path), TaskGate(tmp_path, "behind")
        running = client.submit(*gate.call)
        gate.wait()
        queued = client.submit(*behind.call)
        eventually(lambda: client.status()["queue_length"] == 1)
        ending(node)
        lost = running.exception(WITHIN_S), queued.exception(WITHIN_S)
        assert all(isinstance(error, TaskLost) for error in lost)
        assert node.wait(WITHIN_S)


def test_drain_of_a_node_that_listens_by_itself_finishes_what_is_here(tmp_path: Path) -> None:
    with serving(alone(drain_timeout=60.0)) as node, Client(node.address or "", token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        running = client.submit(*gate.call)
        gate.wait()
        queued = client.submit(tasks.identity, 7)
        eventually(lambda: client.status()["queue_length"] == 1)
        node.drain()
        eventually(lambda: client.status()["draining"])
        gate.open()
        assert (running.result(WITHIN_S), queued.result(WITHIN_S)) == ("held", 7)
        assert node.wait(WITHIN_S)


def test_port_in_use_is_refused_and_no_worker_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = alone(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ListenRefused, match="is in use"):
            Serving(node)
    assert pids(node) == []


def test_giving_up_before_it_is_ready_closes_its_own_cluster_too() -> None:
    async def main() -> None:
        node = alone(host="127.0.0.1")
        serving_ = asyncio.create_task(node.serve())
        await soon(lambda: node.address)
        assert not node._shell.state.ready_workers()
        serving_.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving_
        with pytest.raises(ConnectionRefusedError), socket.create_connection(parse_address(node.address)):
            pass

    within(main())


@pytest.mark.replaces_parts
def test_broken_invariant_of_its_own_cluster_ends_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise AssertionError("a task is in two places")

    node = alone()
    thread = Serving(node)
    assert node._cluster is not None
    with Client(node.address or "", token=TOKEN) as client:
        monkeypatch.setattr(node._cluster._shell.state, "received", broken)
        assert isinstance(client.submit(tasks.pid).exception(WITHIN_S), TaskLost)
    thread.join()
    assert isinstance(thread.error, AssertionError)
    assert node.wait(0.0)
    assert node._stopped is not None
    assert node._stopped.exception() is thread.error, "it ends at once, not when its cluster has taken it for dead"
