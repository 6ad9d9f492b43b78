"""The options of a client's tasks on a real network: priority, timeout, retries, idempotent and key."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import pytest

from argon.client.client import Client
from argon.errors import MayHaveRun, Rejected, RejectReason, TaskExpired, TaskLost
from argon.settings import Priority
from tests.support import light_tasks as tasks
from tests.support.futures import failure
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    ThreadNetwork,
    cut,
    eventually,
    free_port,
    lines,
    make_cluster,
    make_node,
    network,
    pid_ended,
    serving,
    wait_until_free,
)
from tests.support.observed_nodes import worker_pid


def test_priority_is_the_order_in_which_one_worker_takes_them(tmp_path: Path, client: Client) -> None:
    gate, path = TaskGate(tmp_path), tmp_path / "order"
    client.submit(*gate.call)
    gate.wait()
    futures = [
        client.with_options(priority=priority).submit(tasks.note, str(path), f"{priority.name}-{n}")
        for n in range(2)
        for priority in sorted(Priority, reverse=True)
    ]
    eventually(lambda: client.status()["queue_length"] + client.status()["in_flight"] == 11)
    gate.open()
    concurrent.futures.wait(futures)
    assert lines(path) == [f"{priority.name}-{n}" for priority in sorted(Priority) for n in range(2)]


def test_timeout_kills_a_task_that_runs_on(tmp_path: Path, net: ThreadNetwork, client: Client) -> None:
    client.run(tasks.pid)
    gate = TaskGate(tmp_path)
    future = client.with_options(timeout=0.3).submit(*gate.call)
    gate.wait()
    pid = worker_pid(net)
    error = failure(future)
    assert isinstance(error, TaskExpired)
    assert isinstance(error, TimeoutError)
    assert (error.node, error.attempt, error.may_have_run) == (net.node.name, 1, MayHaveRun.YES)
    assert error.run_s > 0.1
    eventually(lambda: pid_ended(pid))


def test_timeout_ends_a_task_that_waits_and_it_never_runs(tmp_path: Path, client: Client) -> None:
    gate, path = TaskGate(tmp_path), tmp_path / "ran"
    held = client.submit(*gate.call)
    gate.wait()
    error = failure(client.with_options(timeout=0.1).submit(tasks.note, str(path), "ran"))
    assert isinstance(error, TaskExpired | Rejected)
    assert error.may_have_run is MayHaveRun.NO
    gate.open()
    held.result()
    client.run(tasks.pid)
    assert not path.exists()


def test_retries_zero_raises_the_rejection_at_once(tmp_path: Path) -> None:
    with network(queue_limit=1) as net, net.client() as client, net.client() as other:
        gate = TaskGate(tmp_path)
        client.submit(*gate.call)
        gate.wait()
        client.submit(tasks.pid)
        eventually(lambda: client.status()["queue_length"] == 1)
        before = client.status()["counters"]["rejected"]
        error = failure(other.with_options(retries=0).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert error.reason is RejectReason.QUEUE_FULL
        assert error.retry_after > 0
        error = failure(other.with_options(retries=2).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert client.status()["counters"]["rejected"] == before + 4
        forever = other.submit(tasks.pid)
        eventually(lambda: client.status()["counters"]["rejected"] > before + 5)
        gate.open()
        assert forever.result(WITHIN_S)


def test_rejected_task_that_cannot_be_tried_again_in_time_is_told_so(tmp_path: Path) -> None:
    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        error = failure(client.with_options(timeout=0.2).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert error.reason is RejectReason.NO_NODES


def test_idempotent_task_is_run_again_after_a_lost_connection_and_another_is_lost(
    tmp_path: Path, net: ThreadNetwork
) -> None:
    with net.client() as client:
        gate, path = TaskGate(tmp_path), tmp_path / "ran"
        first = client.submit(*gate.call)
        gate.wait()
        again = client.with_options(idempotent=True).submit(tasks.note, str(path), "ran")
        eventually(lambda: again.running())
        cut(net.cluster)
        error = failure(first)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.UNKNOWN
        assert again.result(WITHIN_S) == "ran"


def test_cluster_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    first = make_cluster(host="127.0.0.1", port=port)
    thread = Serving(first)
    with serving(make_node(manager=first.address)), Client(first.address, token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        lost = client.submit(*gate.call)
        gate.wait()
        first.shutdown()
        thread.join()
        assert isinstance(failure(lost), TaskLost)
        wait_until_free(port)
        submitted_between = client.submit(tasks.identity, 1)
        with serving(make_cluster(host="127.0.0.1", port=port)):
            assert submitted_between.result(WITHIN_S) == 1


def test_equal_keys_go_to_one_node_while_it_has_room() -> None:
    with network(workers=2) as net, serving(make_node(manager=net.address, workers=2)), net.client() as client:
        eventually(lambda: client.status()["workers"] == 4)
        assert net.node._pool is not None
        ours = set(net.node._pool.pids().values())
        for key in range(4):
            pids = {client.with_options(key=key).run(tasks.pid) for _ in range(10)}
            assert pids <= ours or not pids & ours


def test_options_are_a_view_that_shares_the_connection_and_leaves_the_client_as_it_was(client: Client) -> None:
    hasty = client.with_options(timeout=0.05)
    assert isinstance(failure(hasty.submit("time:sleep", 60)), TaskExpired)
    assert hasty.with_options(timeout=None).run(tasks.identity, 1) == 1
    assert client.run(tasks.identity, 1) == 1
    assert client.status()["clients"] == 1


def test_option_out_of_range_is_an_error(client: Client) -> None:
    with pytest.raises(ValueError, match="priority"):
        client.with_options(priority=5)
