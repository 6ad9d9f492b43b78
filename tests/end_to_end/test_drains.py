"""SIGTERM: whoever is told to leave finishes what it has, and nobody notices; a second one ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

import argon
from argon.errors import MayHaveRun, Rejected, RejectReason, TaskLost
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.load import Load
from tests.support.network import ProcessNetwork, RunningCommand, quiet
from tests.support.waiting import WITHIN_S, SharedGate, wait_until


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNetwork]:
    """A network whose cluster none of these tests ends."""
    with ProcessNetwork(tmp_path_factory.mktemp("drains")) as network:
        yield network


@pytest.fixture(scope="module")
def cluster(lasting: ProcessNetwork) -> RunningCommand:
    return lasting.cluster()


@pytest.fixture
def client(lasting: ProcessNetwork, cluster: RunningCommand) -> Iterator[argon.Client]:
    with lasting.client(cluster) as client:
        yield client


# ---- nodes ---------------------------------------------------------------------------------------------------------


def test_nodes_restarted_one_after_the_other_under_load_fail_nothing(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker
) -> None:
    before = client.status()["counters"]
    nodes = [lasting.begin_node(cluster, name, "--workers", "1") for name in ("one", "two")]
    for node in nodes:
        node.wait_ready()
    successors = []
    with Load(client.submit, checker, tasks.work, 0.002) as load:
        for name, node in zip(("one", "two"), nodes, strict=True):
            load.go_on(30)
            node.signal(signal.SIGTERM)
            assert node.wait() == 0
            load.go_on(30)
            successors.append(lasting.node(cluster, name, "--workers", "1"))
        load.go_on(30)
    checker.close()
    assert not checker.errors()
    wait_until(lambda: quiet(client.status(), 2))
    assert client.status()["counters"]["completed"] - before["completed"] == load.submitted
    for node in successors:
        node.signal(signal.SIGTERM)
    assert [node.wait() for node in successors] == [0, 0]


def test_node_that_drains_finishes_what_runs_and_takes_nothing_new(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    one = lasting.node(cluster, "one", "--workers", "1")
    running = checker.submit(client.submit, tasks.hold, gate.path)
    checker.wait_entered(running)
    one.signal(signal.SIGTERM)
    wait_until(lambda: [node["draining"] for node in client.status()["nodes"]] == [True])
    two = lasting.node(cluster, "two", "--workers", "1")
    others = checker.submit_many(client.submit, 10, tasks.mark)
    wait(others, WITHIN_S)
    assert one.running()
    assert not running.done()
    gate.open()
    assert one.wait() == 0
    checker.close()
    assert not checker.errors()
    two.signal(signal.SIGTERM)
    assert two.wait() == 0
    wait_until(lambda: quiet(client.status(), 0))


def test_second_signal_ends_a_node_at_once_and_says_what_was_lost(
    lasting: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    node = lasting.node(cluster, "hasty", "--workers", "1")
    running = checker.submit(client.submit, tasks.hold, gate.path)
    checker.wait_entered(running)
    node.signal(signal.SIGTERM)
    wait_until(lambda: [node["draining"] for node in client.status()["nodes"]] == [True])
    node.signal(signal.SIGTERM)
    assert node.wait(5.0) == 0
    checker.close()
    error = running.exception()
    assert isinstance(error, TaskLost)
    assert error.node == "hasty"
    assert error.may_have_run != MayHaveRun.NO
    assert not node.family()


# ---- the cluster ---------------------------------------------------------------------------------------------------


def test_cluster_that_drains_under_load_answers_everything_and_ends_well(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate
) -> None:
    cluster = network.cluster()
    node = network.node(cluster, "one", "--workers", "2")
    client = network.client(cluster)
    at_once = client.with_options(retries=0)
    running = checker.submit_many(at_once.submit, 2, tasks.hold, gate.path)
    checker.wait_entered(*running)
    queued = checker.submit_many(at_once.submit, 100, tasks.work, 0.001)
    wait_until(lambda: client.status()["queue_length"] == 100)
    cluster.signal(signal.SIGTERM)
    wait_until(lambda: client.status()["draining"])
    late = checker.submit(at_once.submit, tasks.mark)
    error = late.exception(WITHIN_S)
    assert isinstance(error, Rejected)
    assert (error.reason, error.may_have_run) == (RejectReason.DRAINING, MayHaveRun.NO)
    gate.open()
    assert cluster.wait() == 0
    wait([*running, *queued], WITHIN_S)
    patient = checker.submit(client.submit, tasks.mark)  # there is no cluster now; perhaps there will be one
    client.close()
    checker.close()
    assert checker.errors() == [error, patient.exception()]
    assert isinstance(patient.exception(), TaskLost)
    assert node.running()


def test_second_signal_ends_a_cluster_at_once_with_everything_answered(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate
) -> None:
    cluster = network.cluster()
    node = network.node(cluster, "one", "--workers", "2")
    workers = node.workers()
    client = network.client(cluster)
    running = checker.submit_many(client.submit, 2, tasks.hold, gate.path)
    checker.wait_entered(*running)
    queued = checker.submit_many(client.submit, 10, tasks.mark)
    wait_until(lambda: client.status()["queue_length"] == 10)
    cluster.signal(signal.SIGTERM)
    wait_until(lambda: client.status()["draining"])
    cluster.signal(signal.SIGTERM)
    assert cluster.wait(5.0) == 0
    checker.close()
    errors = [future.exception() for future in [*running, *queued]]
    assert all(isinstance(error, TaskLost) for error in errors)
    told = [(error.may_have_run, error.node) for error in errors]  # type: ignore[union-attr]  # they are
    assert told == [(MayHaveRun.UNKNOWN, "one")] * 2 + [(MayHaveRun.NO, "")] * 10
    wait_until(lambda: not node.workers() & workers)
