"""SIGSTOP of a worker and of a client: whatever does not answer delays itself alone, and goes on when it can."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

import argon
from argon.cluster.cluster import Cluster
from argon.errors import MayHaveRun, TaskExpired
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.in_process import make_cluster, make_node, serving
from tests.support.network import ProcessNetwork, quiet, stop
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

WORKERS = 2


@pytest.fixture
def cluster(network: ProcessNetwork, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """An impatient cluster with a node that kills soon."""
    monkeypatch.setenv("ARGON_TOKEN_FILE", str(network.token_file))
    with (
        serving(make_cluster(token=None, heartbeat=0.2, dead_after=1.0)) as cluster,
        serving(make_node(token=None, manager=cluster.address, workers=WORKERS, kill_after=0.2)),
    ):
        yield cluster


@pytest.fixture
def client(network: ProcessNetwork, cluster: Cluster) -> argon.Client:
    return network.client(cluster.address)


def test_worker_that_is_stopped_is_killed_when_its_task_overruns(
    client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    victim = checker.submit(client.with_options(timeout=1.0).submit, tasks.hold_telling_process_id, gate.path)
    checker.wait_entered(victim)
    stop(checker.worker_of(victim))
    checker.submit_many(client.submit, 20, tasks.mark)
    with pytest.raises(TaskExpired) as raised:
        victim.result(WITHIN_S)
    assert raised.value.may_have_run is MayHaveRun.YES
    checker.close()
    assert len(checker.errors()) == 1
    wait_until(lambda: quiet(client.status(), WORKERS))


def test_worker_that_is_stopped_delays_its_own_task_alone_and_answers_when_it_goes_on(
    client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    victim = checker.submit(client.submit, tasks.hold_telling_process_id, gate.path)
    checker.wait_entered(victim)
    stop(checker.worker_of(victim))
    gate.open()
    others = checker.submit_many(client.submit, 50, tasks.mark)
    assert all(future.result(WITHIN_S) for future in others)
    assert not victim.done()
    os.kill(checker.worker_of(victim), signal.SIGCONT)
    checker.close()
    assert not checker.errors()
    assert quiet(client.status(), WORKERS)


def test_client_that_is_stopped_for_long_keeps_its_tasks_and_has_their_values_when_it_goes_on(
    network: ProcessNetwork, cluster: Cluster, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    paths = [checker.path() for _ in range(10)]
    mapping = network.begin("map", "tests.end_to_end.tasks:hold_line", "--cluster", cluster.address)
    mapping.write("".join(json.dumps([str(path), gate.path]) + "\n" for path in paths))
    mapping.end_input()
    wait_until(lambda: (client.status()["in_flight"], client.status()["queue_length"]) == (2, 8))
    wait_until(lambda: sum(path.exists() for path in paths) == 2)
    stop(mapping.pid)
    others = checker.submit_many(client.submit, 20, tasks.mark)
    time.sleep(2.5)  # more than twice as long as a peer may be silent
    numbers = client.status()
    assert (numbers["clients"], numbers["counters"]["cancelled"]) == (2, 0)
    gate.open()
    assert all(future.result(WITHIN_S) for future in others), "it disturbs nobody"
    wait_until(lambda: quiet(client.status(), WORKERS))
    mapping.signal(signal.SIGCONT)
    assert mapping.wait() == 0
    assert all(path.exists() for path in paths)
    checker.close()
    assert not checker.errors()
