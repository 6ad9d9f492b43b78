"""How a cluster process ends: drained, shut down, or broken."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.cluster import cluster as cluster_module
from argon.errors import MayHaveRun, Rejected, RejectReason, TaskLost
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    eventually,
    greeted,
    held,
    make_cluster,
    network,
    serving,
    within,
)


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


class DeafLink:
    """A peer that takes no leave."""

    held_back = False

    def __init__(self) -> None:
        self.aborted: list[str] = []

    def close(self, reason: str) -> None:
        pass

    def abort(self, reason: str) -> None:
        self.aborted.append(reason)


@pytest.mark.replaces_parts
def test_peer_that_does_not_leave_at_the_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_LINGER_S", 0.05)

    async def main() -> None:
        link: Any = DeafLink()
        async with make_cluster() as cluster:
            cluster._shell.links[99] = link
        assert link.aborted == ["the cluster is shutting down"]

    within(main())
