"""The executors under contract: the standard library's two, and Argon's on a cluster of its own and on another's."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

import argon
from argon.client.local_cluster import LocalCluster
from tests.contract import tasks
from tests.support.waiting import SharedGate, wait_until

WORKERS = 2
AHEAD = 8  # more than any of them starts, or hands to its workers, before it must

KINDS = ["thread", "process", "argon", "argon-address"]
PROCESS_KINDS = KINDS[1:]
KINDS_OF_3_14 = KINDS if sys.version_info >= (3, 14) else KINDS[2:]  # what the standard library has since then

NewPool = Callable[[], Executor]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster that outlives the executors which use it."""
    cluster = LocalCluster(WORKERS)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module", params=KINDS)
def new_pool(request: pytest.FixtureRequest) -> NewPool:
    """Makes an executor of the kind under test, with two workers."""

    def make() -> Executor:
        match request.param:
            case "thread":
                return concurrent.futures.ThreadPoolExecutor(WORKERS)
            case "process":  # this process has threads, so it must not be forked
                return concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("forkserver"))
            case "argon":
                return argon.Executor(max_workers=WORKERS)
            case _:
                cluster = request.getfixturevalue("cluster")
                return argon.Executor(cluster.address, token=cluster.token)

    return make


@pytest.fixture(scope="module")
def pool(new_pool: NewPool) -> Iterator[Executor]:
    """An executor that the tests of a kind share; none of them breaks it."""
    with new_pool() as pool:
        yield pool


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[SharedGate]:
    with SharedGate(tmp_path / "gate") as gate:
        yield gate


def hold_all(pool: Executor, gate: SharedGate, folder: Path) -> list[Future[int]]:
    """Keeps every worker of the pool busy until the gate is opened."""
    paths = [folder / f"started-{index}" for index in range(WORKERS)]
    held = [pool.submit(tasks.hold, str(path), gate.path) for path in paths]
    wait_until(lambda: all(path.exists() for path in paths))
    return held
