"""Nodes at work: alone, and with workers that are replaced after some tasks."""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import wait

from argon.errors import Rejected, RejectReason
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork, quiet
from tests.support.waiting import WITHIN_S, SharedGate, wait_until

MAX_REQUESTS = 5


def test_workers_are_replaced_after_their_tasks_without_a_failure(
    network: ProcessNetwork, checker: EntryChecker
) -> None:
    cluster = network.cluster()
    node = network.node(cluster, "one", "--workers", "2", "--max-requests", str(MAX_REQUESTS))
    first = node.workers()
    client = network.client(cluster)
    futures = checker.submit_many(client.submit, 60, tasks.process_id)
    checker.close()
    assert not checker.errors()
    served = Counter(future.result() for future in futures)
    assert len(served) >= 60 // MAX_REQUESTS
    assert max(served.values()) <= MAX_REQUESTS
    wait_until(lambda: quiet(client.status(), 2))
    wait_until(lambda: not node.workers() & first)
    wait_until(lambda: len(node.workers()) == 3)  # with the spare one


def test_node_alone_serves_clients_with_a_bounded_queue_and_drains(
    network: ProcessNetwork, checker: EntryChecker, gate: SharedGate
) -> None:
    node = network.begin("node", "--port", "0", "--workers", "2", "--name", "alone").wait_ready()
    client = network.client(node)
    assert list(client.map(abs, range(1000))) == list(range(1000))
    at_once = client.with_options(retries=0)
    held = checker.submit_many(at_once.submit, 2, tasks.hold, gate.path)
    checker.wait_entered(*held)
    burst = checker.submit_many(at_once.submit, 400, tasks.mark)
    wait_until(lambda: sum(not future.done() for future in burst) == client.status()["queue_length"])
    assert client.status()["queue_length"] == client.status()["queue_limit"]
    node.signal(signal.SIGTERM)
    wait_until(lambda: client.status()["draining"])
    gate.open()
    wait([*held, *burst], WITHIN_S)
    assert node.wait() == 0
    checker.close()
    errors = checker.errors()
    assert len(errors) == 400 - 128
    assert all(isinstance(error, Rejected) and error.reason == RejectReason.QUEUE_FULL for error in errors)
    assert not node.family()


def test_tasks_that_waited_long_for_a_node_run_as_soon_as_one_comes(
    network: ProcessNetwork, checker: EntryChecker
) -> None:
    cluster = network.cluster()
    client = network.client(cluster)
    checker.submit_many(client.submit, 120, tasks.mark)
    wait_until(lambda: client.status()["counters"]["rejected"] > 18)  # the first few, and then one at a time
    network.node(cluster, "one", "--workers", "1")
    checker.close(within_s=5.0)
    assert not checker.errors()
