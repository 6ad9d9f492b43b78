"""More than there is room for: what does not fit is told so at once, and what fits is not hurt. One network serves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait

import pytest

import argon
from argon.errors import Rejected, RejectReason
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork, RunningCommand, quiet
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

WORKERS = 2
QUEUE_LIMIT = 8
MAP_ITEMS = 20_000


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNetwork]:
    with ProcessNetwork(tmp_path_factory.mktemp("overload")) as network:
        yield network


@pytest.fixture(scope="module")
def cluster(network: ProcessNetwork) -> RunningCommand:
    """A cluster with a short queue, and a node."""
    cluster = network.cluster("--queue-limit", str(QUEUE_LIMIT))
    network.node(cluster, "one", "--workers", str(WORKERS))
    return cluster


@pytest.fixture
def client(network: ProcessNetwork, cluster: RunningCommand) -> Iterator[argon.Client]:
    with network.client(cluster) as client:
        yield client
        wait_until(lambda: quiet(client.status(), WORKERS))


def test_burst_beyond_the_queue_is_rejected_with_a_reason_and_the_rest_completes(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker, gate: SharedGate
) -> None:
    before = client.status()["counters"]
    clients = [network.client(cluster).with_options(retries=0) for _ in range(4)]
    held = checker.submit_many(client.submit, WORKERS, tasks.hold, gate.path)
    checker.wait_entered(*held)
    burst = [checker.submit(other.submit, tasks.mark) for _ in range(50) for other in clients]
    wait_until(lambda: sum(not future.done() for future in burst) == QUEUE_LIMIT)
    assert client.status()["queue_length"] == QUEUE_LIMIT
    gate.open()
    checker.close()
    errors = checker.errors()
    assert len(errors) == len(burst) - QUEUE_LIMIT
    for error in errors:
        assert isinstance(error, Rejected)
        assert error.reason in (RejectReason.QUEUE_FULL, RejectReason.CLIENT_LIMIT)
        assert 0 < error.retry_after < 5
    assert checker.entered() == len(held) + QUEUE_LIMIT

    recovered = EntryChecker(checker.path().parent / "recovered")
    for other in clients:
        assert isinstance(recovered.submit(other.submit, tasks.mark).result(WITHIN_S), str)
        other.close()
    recovered.close()
    after = client.status()["counters"]
    assert after["completed"] - before["completed"] == len(held) + QUEUE_LIMIT + len(clients)
    assert after["accepted"] - before["accepted"] == len(held) + QUEUE_LIMIT + len(clients)
    assert after["rejected"] > before["rejected"]


def test_rejected_tasks_of_a_patient_client_all_complete_in_the_end(
    network: ProcessNetwork, cluster: RunningCommand, client: argon.Client, checker: EntryChecker
) -> None:
    others = [network.client(cluster) for _ in range(3)]
    for _ in range(20):
        for other in others:
            checker.submit(other.submit, tasks.work, 0.001)
    checker.close()
    assert not checker.errors()
    for other in others:
        other.close()


def test_map_of_many_items_through_a_short_queue_sees_no_rejection(client: argon.Client) -> None:
    before = client.status()["counters"]
    assert list(client.map(abs, range(MAP_ITEMS))) == list(range(MAP_ITEMS))
    after = client.status()["counters"]
    assert after["completed"] - before["completed"] == MAP_ITEMS
    assert after["rejected"] == before["rejected"]


@pytest.mark.parametrize("position", [0, 3, 40])
def test_long_task_of_a_quick_kind_delays_nobody_while_a_worker_is_free(
    client: argon.Client, checker: EntryChecker, gate: SharedGate, position: int
) -> None:
    wait(checker.submit_many(client.submit, 200, tasks.maybe_hold, None), WITHIN_S)  # it is known as quick now
    burst = [checker.submit(client.submit, tasks.maybe_hold, gate.path if n == position else None) for n in range(80)]
    long = burst.pop(position)
    done, waiting = wait(burst, WITHIN_S)
    assert (len(done), len(waiting)) == (79, 0)
    assert not long.done()
    gate.open()
    checker.close()
    assert not checker.errors()
