"""What an executor adds to the standard library's contract (tests/contract): where its tasks run, and its own end."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from argon.client import cancel_patience, executor_ends
from argon.client import executor as executor_module
from argon.client.executor import Executor
from argon.client.local_cluster import LocalCluster
from argon.errors import AddressInvalid, AuthenticationFailed, ConnectionFailed, TaskLost, TokenInvalid
from argon.net.security import make_token
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    TaskGate,
    ThreadNetwork,
    eventually,
    free_port,
    make_cluster,
    network,
    pid_ended,
    serving,
)


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    """One worker, so that what waits and what runs is known."""
    with network() as net:
        yield net


@pytest.fixture
def pool(net: ThreadNetwork) -> Iterator[Executor]:
    with Executor(net.address, token=TOKEN) as pool:
        yield pool
    with net.client() as watcher:
        eventually(lambda: not any(watcher.status()[name] for name in ("in_flight", "queue_length")))


# ---- where tasks run ---------------------------------------------------------------------------------------------


def test_executor_is_the_standard_librarys_on_the_cluster_of_the_address(net: ThreadNetwork, pool: Executor) -> None:
    assert isinstance(pool, concurrent.futures.Executor)
    assert net.node._pool is not None
    assert pool.submit(tasks.pid).result(WITHIN_S) in net.node._pool.pids().values()


def test_executor_without_an_address_owns_a_cluster_that_ends_with_it() -> None:
    with Executor(max_workers=2) as pool:
        assert pool._local is not None
        process = pool._local._process
        assert pool.submit(pow, 2, 10).result(WITHIN_S) == 1024
        workers = {pool.submit(tasks.pid).result(WITHIN_S) for _ in range(10)}
    assert process.returncode == 0
    assert all(pid_ended(pid) for pid in workers)


def test_max_workers_is_how_many_tasks_run_at_a_time(tmp_path: Path) -> None:
    with Executor(max_workers=2) as pool:
        gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(2)]
        futures = [pool.submit(tasks.hold, *gate.call[1:]) for gate in gates]
        for gate in gates:
            gate.wait()
        for gate in gates:
            gate.open()
        assert [future.result(WITHIN_S) for future in futures] == ["held", "held"]


def test_more_workers_than_a_node_may_have_are_refused_in_the_words_of_the_standard_library() -> None:
    with pytest.raises(ValueError, match=r"^max_workers must be <= 4096$"):
        Executor(max_workers=4097)


def test_number_of_workers_in_the_place_of_the_address_is_told_its_name() -> None:
    with pytest.raises(TypeError, match="give max_workers=4"):
        Executor(4)  # type: ignore[arg-type]


def test_max_workers_together_with_an_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="give an address or max_workers, not both"):
        Executor("localhost:8000", 4)


def test_connecting_fails_in_one_sentence(net: ThreadNetwork) -> None:
    with pytest.raises(AddressInvalid):
        Executor("localhost")
    with pytest.raises(ConnectionFailed, match="start one with: argon cluster"):
        Executor(f"127.0.0.1:{free_port()}", token=TOKEN, connect_timeout=None)
    with pytest.raises(AuthenticationFailed, match="the token is not that of the cluster"):
        Executor(net.address, token=make_token())
    with pytest.raises(TokenInvalid, match="the token given is empty"):
        Executor(net.address, token="")


def test_own_cluster_ends_when_the_executor_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[LocalCluster] = []

    class Noted(LocalCluster):
        def __init__(self, workers: int | None, **options: Any) -> None:
            super().__init__(workers, **options)
            made.append(self)
            self.token = make_token()  # not the one that it has

    monkeypatch.setattr(executor_module, "LocalCluster", Noted)
    with pytest.raises(AuthenticationFailed):
        Executor(max_workers=1)
    assert made[0]._process.returncode == 0


# ---- tasks -------------------------------------------------------------------------------------------------------


def test_chunks_travel_as_one_task_each(net: ThreadNetwork, pool: Executor) -> None:
    with net.client() as client:
        before = client.status()["counters"]["completed"]
        assert list(pool.map(pow, range(10), range(10), chunksize=4)) == [n**n for n in range(10)]
        assert client.status()["counters"]["completed"] == before + 3


def test_cancel_in_a_callback_does_not_wait_for_the_answer(tmp_path: Path, pool: Executor) -> None:
    gate = TaskGate(tmp_path)
    answered: concurrent.futures.Future[bool] = concurrent.futures.Future()
    pool.submit(tasks.pid).add_done_callback(lambda _: answered.set_result(behind.cancel()))
    behind = pool.submit(tasks.hold, *gate.call[1:])
    assert answered.result(WITHIN_S) in (True, False)
    gate.open()
    concurrent.futures.wait([behind], WITHIN_S)


def test_cancel_of_a_running_task_fails_at_once(tmp_path: Path, pool: Executor) -> None:
    gate = TaskGate(tmp_path)
    future = pool.submit(tasks.hold, *gate.call[1:])
    gate.wait()
    assert not future.cancel()
    assert future.running()
    gate.open()
    assert future.result(WITHIN_S) == "held"


def test_cancel_of_a_queued_task_is_one_that_the_cluster_confirms(tmp_path: Path, pool: Executor) -> None:
    gate = TaskGate(tmp_path)
    held = pool.submit(tasks.hold, *gate.call[1:])
    gate.wait()
    future = pool.submit(tasks.note, str(tmp_path / "ran"), "ran")
    assert future.cancel()
    assert future.cancel()
    gate.open()
    assert held.result(WITHIN_S) == "held"
    pool.submit(tasks.pid).result(WITHIN_S)
    assert not (tmp_path / "ran").exists()


def test_own_cluster_that_is_killed_breaks_the_pool_with_all_its_futures() -> None:
    with Executor(max_workers=1) as pool:
        assert pool._local is not None
        pool.submit(tasks.pid).result(WITHIN_S)
        running = pool.submit(time.sleep, 60)
        eventually(running.running)
        queued = [pool.submit(tasks.pid) for _ in range(50)]
        pool._local._process.kill()
        for future in [running, *queued]:
            error = future.exception(WITHIN_S)
            assert isinstance(error, BrokenProcessPool)
            assert "the local cluster has ended (signal 9)" in str(error)
            assert isinstance(error.__cause__, TaskLost)
        with pytest.raises(BrokenProcessPool, match="signal 9"):
            pool.submit(tasks.pid)
        with pytest.raises(BrokenProcessPool):
            pool.map(tasks.identity, [1])


def test_own_cluster_that_leaves_in_order_breaks_the_pool_at_last() -> None:
    with Executor(max_workers=1) as pool:
        assert pool._local is not None
        pool.submit(tasks.pid).result(WITHIN_S)
        running = pool.submit(time.sleep, 0.5)
        eventually(running.running)
        queued = [pool.submit(tasks.pid) for _ in range(50)]
        pool._local._process.terminate()
        pool._thread.guards.thread.join(WITHIN_S)
        assert not pool._thread.guards.thread.is_alive()
        assert running.result(0) is None
        assert {type(future.exception(0)) for future in queued} <= {type(None), BrokenProcessPool}
        with pytest.raises(BrokenProcessPool, match="exit code"):
            pool.submit(tasks.pid)


def test_cluster_of_others_that_is_lost_breaks_no_pool() -> None:
    cluster = LocalCluster(1)
    with Executor(cluster.address, token=cluster.token) as pool:
        running = pool.submit(time.sleep, 60)
        eventually(running.running)
        cluster.close()
        assert isinstance(running.exception(WITHIN_S), TaskLost)
        waiting = pool.submit(tasks.pid)
        assert waiting.cancel()


# ---- the end -----------------------------------------------------------------------------------------------------


def test_shutdown_where_no_thread_can_begin_any_more_still_ends_it(
    net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    pool = Executor(net.address, token=TOKEN)
    future = pool.submit(tasks.identity, 1)
    monkeypatch.setattr(threading.Thread, "start", fail)
    pool.shutdown()
    assert future.result(0) == 1
    assert not pool._thread.guards.thread.is_alive()


def test_shutdown_in_a_callback_does_not_wait_for_itself(net: ThreadNetwork) -> None:
    pool = Executor(net.address, token=TOKEN)
    pool.submit(tasks.pid).add_done_callback(lambda _: pool.shutdown())
    assert pool._ended.wait(WITHIN_S)
    pool.shutdown()


def test_shutdown_from_many_threads_returns_in_all(net: ThreadNetwork) -> None:
    pool = Executor(net.address, token=TOKEN)
    pool.submit(tasks.identity, 1)
    threads = [threading.Thread(target=pool.shutdown) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def test_ctrl_c_in_submit_leaves_nothing_to_wait_for(net: ThreadNetwork) -> None:
    class Interrupting(set[Any]):
        def add(self, item: Any) -> None:
            super().add(item)
            raise KeyboardInterrupt

    pool = Executor(net.address, token=TOKEN)
    pool._futures = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        pool.submit(tasks.pid)
    assert not pool._futures
    pool.shutdown()


def test_cancel_of_a_task_that_nobody_takes_is_quick() -> None:
    with serving(make_cluster()) as cluster, Executor(cluster.address, token=TOKEN) as pool:
        for _ in range(20):
            future = pool.submit(tasks.pid)
            assert future.cancel()
        waiting = [pool.submit(tasks.pid) for _ in range(20)]
        pool.shutdown(cancel_futures=True)
        assert all(future.cancelled() for future in waiting)


def test_workers_that_are_ended_are_those_of_this_executors_tasks_only(net: ThreadNetwork, tmp_path: Path) -> None:
    gate, pool, other = TaskGate(tmp_path), Executor(net.address, token=TOKEN), Executor(net.address, token=TOKEN)
    pid = pool.submit(tasks.pid).result(WITHIN_S)
    held = pool.submit(*gate.call)
    gate.wait()
    queued = other.submit(tasks.pid)
    pool.kill_workers()
    assert isinstance(held.exception(0), BrokenProcessPool)
    assert queued.result(WITHIN_S) != pid
    eventually(lambda: pid_ended(pid))
    other.shutdown()


def test_callback_that_ends_in_anything_leaves_no_cancel_unanswered(tmp_path: Path, pool: Executor) -> None:
    gate = TaskGate(tmp_path)
    held = pool.submit(*gate.call)
    gate.wait()
    queued = pool.submit(lambda: None)  # of a kind that was never measured, so that no node has it yet

    def end(_: concurrent.futures.Future[Any]) -> None:
        raise SystemExit

    queued.add_done_callback(end)
    assert queued.cancel()
    assert queued not in pool._futures
    gate.open()
    assert held.result(WITHIN_S) == "held"


def test_task_that_could_not_be_handed_over_is_not_waited_for(
    net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionFailed("this client is closed")

    pool = Executor(net.address, token=TOKEN)
    with monkeypatch.context() as patch:
        patch.setattr(pool._thread, "submit", fail)
        with pytest.raises(ConnectionFailed):
            pool.submit(tasks.pid)
    thread = threading.Thread(target=pool.shutdown)
    thread.start()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_forked_process_leaves_the_executor_alone(tmp_path: Path, pool: Executor) -> None:
    gate = TaskGate(tmp_path)
    pending = pool.submit(tasks.hold, *gate.call[1:])
    gate.wait()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            try:
                pool.submit(tasks.pid)
            except RuntimeError:
                executor_ends._end_all()
                pool.shutdown()
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    gate.open()
    assert pending.result(WITHIN_S) == "held"


def test_program_that_forgets_its_executor_leaves_no_process() -> None:
    program = (
        "import argon, os\n"
        "pool = argon.Executor(max_workers=1)\n"
        "print(pool.submit(os.getpid).result(), pool._local._process.pid, flush=True)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(pid_ended(int(pid)) for pid in done.stdout.split())


def test_cancel_from_many_threads_answers_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel_patience, "_ANSWER_TIMEOUT_S", 3600.0)
    with Executor(max_workers=1) as pool:
        gate = TaskGate(tmp_path)
        future = pool.submit(*gate.call)
        gate.wait()
        cancelled: list[bool] = []
        threads = [threading.Thread(target=lambda: cancelled.append(future.cancel()), daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN_S)
        gate.open()
        assert cancelled == [False] * 8
