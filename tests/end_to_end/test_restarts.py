"""Under load, processes are killed, restarted and told to leave: every call ends, and what is said of it is true."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from argon.errors import MayHaveRun, TaskLost
from tests.end_to_end import tasks
from tests.support.entry_checker import EntryChecker
from tests.support.in_process import free_port
from tests.support.load import Load
from tests.support.network import ALONE_WITHIN_S, ProcessNetwork, quiet
from tests.support.waiting import wait_until

WORK_S = 0.002


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[list[EntryChecker]]:
    """One for each caller; all are closed in the end."""
    ledgers = [EntryChecker(tmp_path / f"entries-{number}") for number in range(4)]
    yield ledgers
    for checker in ledgers:
        checker.close()


def test_cluster_killed_and_restarted_under_load_ends_every_call_and_runs_nothing_twice(
    network: ProcessNetwork, ledgers: list[EntryChecker]
) -> None:
    port = str(free_port())
    cluster = network.cluster(port=port)
    nodes = [network.begin_node(cluster, name, "--workers", "2") for name in ("one", "two")]
    for node in nodes:
        node.wait_ready()
    clients = [network.client(cluster) for _ in ledgers]
    *plain, idempotent = ledgers
    with ExitStack() as callers:
        loads = [
            callers.enter_context(Load(client.submit, checker, tasks.work, WORK_S))
            for client, checker in zip(clients, plain, strict=False)
        ]
        again = clients[-1].with_options(idempotent=True)
        loads.append(callers.enter_context(Load(again.submit, idempotent, tasks.work_again, WORK_S)))
        for _ in range(2):
            for load in loads:
                load.go_on(30)
            cluster.signal(signal.SIGKILL)
            cluster.wait()
            cluster = network.cluster(port=port)
        for load in loads:
            load.go_on(30)
    for checker in ledgers:
        checker.close()
    assert idempotent.errors() == []
    lost = [error for checker in plain for error in checker.errors()]
    assert lost
    assert all(isinstance(error, TaskLost) and error.may_have_run == MayHaveRun.UNKNOWN for error in lost)
    wait_until(lambda: quiet(clients[0].status(), 4))
    numbers = clients[0].status()
    assert {node["name"] for node in numbers["nodes"]} == {"one", "two"}
    assert numbers["clients"] == len(clients)
    assert all(node.running() for node in nodes)


def test_node_killed_under_load_fails_its_own_tasks_alone_and_leaves_no_process(
    network: ProcessNetwork, checker: EntryChecker
) -> None:
    cluster = network.cluster()
    nodes = {name: network.begin_node(cluster, name, "--workers", "2") for name in ("one", "two", "three")}
    for node in nodes.values():
        node.wait_ready()
    client = network.client(cluster)
    with Load(client.submit, checker, tasks.work, WORK_S, under_way=24) as load:
        for name in ("one", "two"):
            load.go_on(100)
            nodes[name].signal(signal.SIGKILL)
            nodes[name].wait()
            wait_until(lambda name=name: not nodes[name].family(), ALONE_WITHIN_S)
        load.go_on(100)
    checker.close()
    lost = checker.errors()
    assert lost
    assert all(isinstance(error, TaskLost) and error.node in ("one", "two") for error in lost)
    wait_until(lambda: quiet(client.status(), 2))
    counters = client.status()["counters"]
    assert (counters["lost"], counters["completed"]) == (len(lost), load.submitted - len(lost))
    assert cluster.errors() == nodes["three"].errors() == ""


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_cluster_told_to_leave_at_any_moment_answers_every_caller(
    network: ProcessNetwork, ledgers: list[EntryChecker], seed: int, signals: int
) -> None:
    chance, port = random.Random(seed), str(free_port())
    cluster = network.cluster(port=port)
    network.node(cluster, "one", "--workers", "2")
    clients = [network.client(cluster) for _ in ledgers]
    with ExitStack() as callers:
        loads = [
            callers.enter_context(Load(client.submit, checker, tasks.work, WORK_S, under_way=chance.randint(1, 40)))
            for client, checker in zip(clients, ledgers, strict=True)
        ]
        chance.choice(loads).go_on(chance.randint(0, 60))
        for _ in range(signals):
            cluster.signal(signal.SIGTERM)
        assert cluster.wait() == 0
        network.cluster(port=port)
        for load in loads:
            load.go_on(60)
    for checker in ledgers:
        checker.close()
    errors = [error for checker in ledgers for error in checker.errors()]
    assert all(isinstance(error, TaskLost) for error in errors)
    assert signals == 2 or errors == []
