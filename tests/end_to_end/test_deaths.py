"""Kill -9 of everything there is, in the middle of its work: what was lost is named, the rest goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Any

import pytest

import argon
from argon.errors import MayHaveRun, TaskLost, WorkerDied
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.in_process import free_port
from tests.support.network import ALONE_WITHIN_S, ProcessNetwork, RunningCommand, balanced, quiet, stop
from tests.support.waiting import WITHIN_S, SharedGate, wait_until


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNetwork]:
    """A network whose cluster none of these tests kills."""
    with ProcessNetwork(tmp_path_factory.mktemp("deaths")) as network:
        yield network


@pytest.fixture(scope="module")
def cluster(lasting: ProcessNetwork) -> RunningCommand:
    return lasting.cluster("--queue-target-ms", "off")


@pytest.fixture
def client(lasting: ProcessNetwork, cluster: RunningCommand) -> Iterator[argon.Client]:
    with lasting.client(cluster) as client:
        yield client


def is_lost_with(node: str, future: Future[Any]) -> bool:
    """Whether a task ended as one that was with this node, and whose state nobody knows."""
    error = future.exception(WITHIN_S)
    return isinstance(error, TaskLost) and (error.node, error.may_have_run) == (node, MayHaveRun.UNKNOWN)


# ---- a worker ------------------------------------------------------------------------------------------------------


def test_worker_killed_fails_its_own_task_alone_and_its_place_is_filled(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    node = lasting.node(cluster, "workers", "--workers", "2")
    victim, other = checker.submit_many(client.submit, 2, tasks.hold_telling_process_id, gate.path)
    checker.wait_entered(victim, other)
    queued = checker.submit_many(client.submit, 20, tasks.mark)
    os.kill(checker.worker_of(victim), signal.SIGKILL)
    error = victim.exception(WITHIN_S)
    assert isinstance(error, WorkerDied)
    assert (error.signal, error.exit_code, error.oom, error.node) == (signal.SIGKILL, 0, False, "workers")
    wait(queued, WITHIN_S)
    assert not other.done()
    gate.open()
    checker.close()
    assert checker.errors() == [error]
    wait_until(lambda: quiet(client.status(), 2))
    assert len(node.workers()) == 2
    node.end()
    wait_until(lambda: not client.status()["nodes"])


# ---- a node --------------------------------------------------------------------------------------------------------


def test_node_killed_loses_what_it_had_and_idempotent_tasks_complete_elsewhere(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    one = lasting.node(cluster, "one", "--workers", "4")
    again = client.with_options(idempotent=True)
    plain = checker.submit_many(client.submit, 2, tasks.hold_with_child, gate.path)
    idempotent = checker.submit_many(again.submit, 2, tasks.hold_again, gate.path)
    checker.wait_entered(*plain, *idempotent)
    queued = checker.submit_many(client.submit, 10, tasks.mark)
    two = lasting.node(cluster, "two", "--workers", "2")
    wait(queued, WITHIN_S)
    assert sum("sleep" in command for command in one.family().values()) == 2

    one.signal(signal.SIGKILL)
    one.wait()
    wait_until(lambda: not one.family(), ALONE_WITHIN_S)
    assert all(is_lost_with("one", future) for future in plain)
    wait_until(lambda: all(checker.entries(future) == 2 for future in idempotent))
    gate.open()
    checker.close()
    assert len(checker.errors()) == 2
    assert [checker.entries(future) for future in idempotent] == [2, 2]
    wait_until(lambda: quiet(client.status(), 2))
    assert [node["name"] for node in client.status()["nodes"]] == ["two"]
    two.end()
    wait_until(lambda: not client.status()["nodes"])


def test_node_stopped_for_long_is_lost_once_and_its_late_answers_are_dropped(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGON_TOKEN_FILE", str(network.token_file))
    cluster = argon.Cluster(port=0, heartbeat=0.1, dead_after=0.4)
    ready = threading.Event()
    thread = threading.Thread(target=cluster.start, args=(ready.set,))
    thread.start()
    try:
        assert ready.wait(WITHIN_S)
        node = network.node(cluster.address, "sleeper", "--workers", "2")
        client = network.client(cluster.address)
        running = checker.submit_many(client.submit, 2, tasks.hold, gate.path)
        checker.wait_entered(*running)
        node.signal(signal.SIGSTOP)
        assert all(is_lost_with("sleeper", future) for future in running)
        gate.open()  # its workers are not stopped: they answer, and it will find the answers when it goes on
        node.signal(signal.SIGCONT)
        wait_until(lambda: client.status()["workers"] == 2)
        checker.submit_many(client.submit, 20, tasks.mark)
        checker.close()
        assert len(checker.errors()) == 2
        numbers = client.status()
        assert quiet(numbers, 2)
        counters = numbers["counters"]
        assert (counters["accepted"], counters["lost"], counters["completed"]) == (22, 2, 20)
        client.close()
    finally:
        cluster.shutdown()
        thread.join(WITHIN_S)


# ---- the cluster ---------------------------------------------------------------------------------------------------

IMPATIENT = """
import argon
cluster = argon.Cluster(port=0, heartbeat=0.3, dead_after=1.5)
cluster.start(lambda: print(cluster.address, flush=True))
"""


def test_cluster_stopped_for_more_than_a_heartbeat_takes_nobody_for_dead(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT], stdout=subprocess.PIPE, text=True, env=network.environment
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        node = network.node(address, "one", "--workers", "2")
        client = network.client(address)
        running = checker.submit_many(client.submit, 2, tasks.hold, gate.path)
        checker.wait_entered(*running)
        waiting = checker.submit_many(client.submit, 20, tasks.mark)
        session = client.status()["nodes"]
        stop(process.pid)
        time.sleep(1.0)  # three heartbeats of everybody are due meanwhile, and it has heard none
        process.send_signal(signal.SIGCONT)
        gate.open()
        assert all(future.result(WITHIN_S) for future in running + waiting)
        checker.close()
        numbers = client.status()
        assert [known["name"] for known in numbers["nodes"]] == [known["name"] for known in session]
        assert (numbers["counters"]["lost"], numbers["counters"]["requeued"]) == (0, 0)
        assert node.errors() == ""
        client.close()
    finally:
        process.kill()
        process.communicate()


def test_cluster_killed_loses_what_was_sent_and_all_come_back_to_the_next_one(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate
) -> None:
    port = str(free_port())
    cluster = network.cluster(port=port)
    nodes = [network.begin_node(cluster, name, "--workers", "1") for name in ("one", "two")]
    for node in nodes:
        node.wait_ready()
    workers = [node.workers() for node in nodes]
    client = network.client(cluster)
    plain = checker.submit_many(client.submit, 2, tasks.hold, gate.path)
    checker.wait_entered(*plain)
    plain += checker.submit_many(client.submit, 3, tasks.mark)
    again = checker.submit(client.with_options(idempotent=True).submit, tasks.mark)
    wait_until(lambda: client.status()["queue_length"] == 4)

    cluster.signal(signal.SIGKILL)
    cluster.wait()
    assert all(is_lost_with("", future) for future in plain)
    assert not again.done()
    later = checker.submit(client.submit, tasks.mark)
    network.cluster(port=port)
    for node, before in zip(nodes, workers, strict=True):  # what nobody waits for any more is ended
        wait_until(lambda node=node, before=before: not node.workers() & before)
    assert isinstance(again.result(WITHIN_S), str)
    assert isinstance(later.result(WITHIN_S), str)
    wait_until(lambda: quiet(client.status(), 2))
    checker.submit_many(client.submit, 20, tasks.mark)
    checker.close()
    assert len(checker.errors()) == 5
    assert checker.entered() == 2 + 1 + 1 + 20
    assert {node["name"] for node in client.status()["nodes"]} == {"one", "two"}


# ---- a client ------------------------------------------------------------------------------------------------------


def test_client_killed_takes_its_queued_tasks_along_and_its_running_ones_end(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    node = lasting.node(cluster, "host", "--workers", "2")
    before = client.status()["counters"]
    paths = [checker.path() for _ in range(10)]
    mapping = lasting.begin("map", "tests.end_to_end.tasks:hold_line", "--cluster", cluster.address)
    mapping.write("".join(json.dumps([str(path), gate.path]) + "\n" for path in paths))
    wait_until(lambda: (client.status()["in_flight"], client.status()["queue_length"]) == (2, 8))
    wait_until(lambda: sum(path.exists() for path in paths) == 2)
    workers = node.workers()

    mapping.signal(signal.SIGKILL)
    mapping.wait()
    wait_until(lambda: quiet(client.status(), 2))
    assert not node.workers() & workers
    assert sum(path.exists() for path in paths) == 2
    counters = client.status()["counters"]
    changes = {name: counters[name] - before[name] for name in counters if counters[name] != before[name]}
    assert changes == {"accepted": 10, "cancelled": 10}
    checker.submit_many(client.submit, 20, tasks.mark)
    checker.close()
    assert not checker.errors()
    assert balanced(client.status())
    node.end()
    wait_until(lambda: not client.status()["nodes"])
