"""``on_overload``: what the cluster has no room for waits, is rejected, or is run in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from argon.call.payload import pack_call
from argon.call.time_left import time_left
from argon.client.async_client import AsyncClient
from argon.client.client import Client
from argon.client.local_run import THREADS_MAX
from argon.client.run_here import KeptCall, is_overload
from argon.client.task_future import TaskFuture
from argon.cluster.cluster import Cluster
from argon.errors import MayHaveRun, Rejected, RejectReason, RemoteError, TaskExpired, TaskLost
from argon.protocol.messages import STATUS_NAMES, Outcome, Reject
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    TaskGate,
    eventually,
    lines,
    make_cluster,
    make_node,
    network,
    serving,
)
from tests.support.in_process import within as run_within

HERE_THREAD = "argon-here"
TIME_LEFT = "argon:time_left"


@pytest.fixture(scope="module")
def full() -> Iterator[Cluster]:
    """A cluster that has room for nothing, as it has no node."""
    with serving(make_cluster(max_payload=100_000)) as cluster:
        yield cluster


@pytest.fixture
def client(full: Cluster) -> Iterator[Client]:
    with Client(full.address, token=TOKEN) as client:
        yield client.with_options(on_overload="run_here")


def thread_name() -> str:
    return threading.current_thread().name


def append(items: list[int]) -> list[int]:
    items.append(1)
    return items


async def ident_of_the_thread() -> int:
    await asyncio.sleep(0)
    return threading.get_ident()


async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value


class Job:
    """A task class."""

    def __init__(self, value: int) -> None:
        self.value = value

    def run(self) -> int:
        return self.value + 1


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


# ---- the three ways --------------------------------------------------------------------------------------------------


def test_wait_waits_for_room(full: Cluster) -> None:
    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        future = client.with_options(retries=0).with_options(on_overload="wait").submit(tasks.pid)
        eventually(lambda: client.status()["counters"]["rejected"])
        with serving(make_node(manager=cluster.address)):
            assert future.result(WITHIN_S) != os.getpid()


def test_raise_raises_at_once(full: Cluster) -> None:
    with Client(full.address, token=TOKEN) as client, pytest.raises(Rejected) as caught:
        client.with_options(on_overload="raise").run(tasks.pid)
    assert caught.value.local is False


def test_run_here_runs_in_the_calling_thread_or_in_one_of_the_clients(client: Client) -> None:
    assert client.run(tasks.pid) == os.getpid()
    assert client.run(threading.get_ident) == threading.get_ident()
    assert client.run(ident_of_the_thread) == threading.get_ident()
    assert client.submit(thread_name).result(WITHIN_S).startswith(HERE_THREAD)
    assert list(client.map(abs, range(-50, 0))) == list(range(50, 0, -1))


def test_interrupt_that_a_task_raises_in_a_thread_of_the_client_is_the_tasks_own_failure(client: Client) -> None:
    error = client.submit(raise_interrupt).exception(WITHIN_S)
    assert isinstance(error, RemoteError)
    assert "KeyboardInterrupt" in str(error)


def test_ctrl_c_in_a_task_that_runs_in_the_calling_thread_is_the_callers(client: Client) -> None:
    with pytest.raises(KeyboardInterrupt):
        client.run(press_ctrl_c)
    assert client.run(tasks.pid) == os.getpid()


def test_run_here_where_there_is_room_runs_on_the_cluster() -> None:
    with network() as net, net.client() as client:
        assert client.with_options(on_overload="run_here").run(tasks.pid) != os.getpid()
        assert client.with_options(on_overload="run_here").submit(tasks.pid).result(WITHIN_S) != os.getpid()


def test_run_here_without_a_connection_runs_here() -> None:
    with serving(make_cluster()) as cluster:
        client = Client(cluster.address, token=TOKEN)
    with client:
        eventually(lambda: client._thread.shell._channel is None)
        assert client.with_options(on_overload="run_here").run(tasks.pid) == os.getpid()


def test_run_here_comes_after_the_retries(full: Cluster, client: Client) -> None:
    before = client.status()["counters"]["rejected"]
    assert client.with_options(retries=2).run(tasks.pid) == os.getpid()
    assert client.status()["counters"]["rejected"] == before + 3


def test_call_is_kept_only_where_it_may_be_run_here(client: Client) -> None:
    kept, forgotten = client.submit(tasks.pid), client.with_options(on_overload="wait").submit(tasks.pid)
    assert isinstance(kept, TaskFuture)
    assert isinstance(forgotten, TaskFuture)
    assert kept.local_run is not None
    assert forgotten.local_run is None
    forgotten.cancel()


# ---- what is run here ------------------------------------------------------------------------------------------------


def test_call_is_let_go_when_the_cluster_has_run_it() -> None:
    async def main(address: str) -> None:
        async with AsyncClient(address, token=TOKEN) as plain:
            future = plain.with_options(on_overload="run_here").submit(tasks.pid)
            await future
            assert future.local_run is None

    with network() as there, there.client() as plain:
        future = plain.with_options(on_overload="run_here").submit(tasks.pid)
        assert future.result(WITHIN_S) != os.getpid()
        assert isinstance(future, TaskFuture)
        assert future.local_run is None, "whoever keeps futures must not keep all that was handed over"
        run_within(main(there.address))


@pytest.mark.parametrize("reason", list(RejectReason))
def test_only_a_task_that_is_too_large_is_rejected_as_ever(reason: RejectReason) -> None:
    assert is_overload(Reject(1, reason)) is (reason is not RejectReason.TOO_LARGE)


def test_no_other_end_is_an_overload() -> None:
    assert not any(is_overload(Outcome(1, status)) for status in range(len(STATUS_NAMES)))


def test_task_too_large_for_the_cluster_is_rejected(client: Client) -> None:
    for call in (client.run, lambda *c: client.submit(*c).result(WITHIN_S)):
        with pytest.raises(Rejected, match="TOO_LARGE"):
            call(tasks.identity, b"x" * 200_000)


def test_function_gets_copies_and_its_value_is_the_answer(client: Client) -> None:
    items = [0]
    assert client.run(append, items) == [0, 1]
    assert items == [0]
    assert client.run("math:sqrt", 4.0) == 2.0
    assert client.run(lambda: items) == [0]
    assert client.run(Job, 1) == 2
    assert client.run(later, 3) == 3
    assert client.submit(later, 3).result(WITHIN_S) == 3


def test_async_function_is_run_here_also_where_a_loop_runs_in_the_calling_thread(client: Client) -> None:
    async def left() -> float | None:
        return time_left()

    async def main() -> None:
        assert client.run(later, 3) == 3
        assert client.with_options(timeout=60.0).run(left) > 50.0

    run_within(main())


def test_exception_of_the_function_is_the_answer(client: Client) -> None:
    with pytest.raises(KeyError, match="what"):
        client.run(tasks.fail, KeyError, "what")
    with pytest.raises(KeyError, match="what"):
        client.submit(tasks.fail, KeyError, "what").result(WITHIN_S)


@pytest.mark.parametrize("kind", [StopIteration, SystemExit, CancelledError, asyncio.CancelledError])
def test_exception_that_would_end_its_caller_is_reported_as_that_of_a_worker(
    full: Cluster, client: Client, kind: type[BaseException]
) -> None:
    async def main() -> None:
        async with AsyncClient(full.address, token=TOKEN) as plain:
            with pytest.raises(RemoteError, match="what"):
                await plain.with_options(on_overload="run_here").run(tasks.fail, kind, "what")

    with pytest.raises(RemoteError, match="what"):
        client.run(tasks.fail, kind, "what")
    with pytest.raises(RemoteError, match="what"):
        client.submit(tasks.fail, kind, "what").result(WITHIN_S)
    run_within(main())


def test_large_arguments_come_in_pieces() -> None:
    payload, _ = pack_call(tasks.identity, (bytearray(b"x" * 80_000),), {})
    assert isinstance(payload, tuple)
    assert KeptCall(payload, time.monotonic() + WITHIN_S).run() == b"x" * 80_000


# ---- time ------------------------------------------------------------------------------------------------------------


def test_function_knows_what_remains_of_its_timeout_and_nobody_else_does(client: Client) -> None:
    timed = client.with_options(timeout=60)
    assert 0 < timed.run(TIME_LEFT) < 60
    assert 0 < timed.submit(TIME_LEFT).result(WITHIN_S) < 60
    assert client.run(TIME_LEFT) is None
    assert client.submit(TIME_LEFT).result(WITHIN_S) is None


def test_call_whose_timeout_has_passed_is_not_begun() -> None:
    payload, _ = pack_call(tasks.fail, (KeyError, "it was begun"), {})
    with pytest.raises(TaskExpired) as caught:
        KeptCall(payload, time.monotonic() - 1.0).run()
    assert caught.value.may_have_run is MayHaveRun.NO


def test_timeout_that_passes_while_it_runs_here_is_raised_and_the_function_goes_on(
    tmp_path: Path, client: Client
) -> None:
    gate = TaskGate(tmp_path)
    future = client.with_options(timeout=1.0).submit(*gate.call)
    gate.wait()
    assert future.running() or future.done()  # a slow machine may reach this line after the timeout
    error = future.exception(WITHIN_S)
    assert isinstance(error, TaskExpired)
    assert error.may_have_run is MayHaveRun.YES
    gate.open()


# ---- the line before the threads -------------------------------------------------------------------------------------


def occupy(client: Client, folder: Path) -> list[tuple[TaskGate, Any]]:
    """Holds every thread."""
    gates = [TaskGate(folder, f"gate{n}") for n in range(THREADS_MAX)]
    held = [(gate, client.submit(*gate.call)) for gate in gates]
    for gate in gates:
        gate.wait()
    return held


def release(held: list[tuple[TaskGate, Any]]) -> None:
    for gate, future in held:
        gate.open()
        assert future.result(WITHIN_S) == "held"


def test_task_waits_where_no_thread_is_free(tmp_path: Path, client: Client) -> None:
    held = occupy(client, tmp_path)
    late = client.with_options(timeout=0.2).submit(tasks.note, str(tmp_path / "late"), "ran")
    waiting = client.submit(tasks.note, str(tmp_path / "in-turn"), "ran")
    dropped = client.submit(tasks.note, str(tmp_path / "dropped"), "ran")
    error = late.exception(WITHIN_S)
    assert isinstance(error, TaskExpired)
    assert error.may_have_run is MayHaveRun.NO
    assert dropped.cancel()
    with pytest.raises(CancelledError):
        dropped.result()
    assert not waiting.done()
    release(held)
    assert waiting.result(WITHIN_S) == "ran"
    client.submit(tasks.pid).result(WITHIN_S)
    assert not (tmp_path / "late").exists()
    assert not (tmp_path / "dropped").exists()


def test_close_loses_what_waits_and_lets_what_runs_go_on(tmp_path: Path, client: Client) -> None:
    held = occupy(client, tmp_path)
    waiting = client.submit(tasks.note, str(tmp_path / "never"), "ran")
    eventually(lambda: waiting.local_run is not None and waiting.local_run._running is not None)
    client.close()
    error = waiting.exception(WITHIN_S)
    assert isinstance(error, TaskLost)
    assert error.may_have_run is MayHaveRun.NO
    release(held)
    assert not (tmp_path / "never").exists()


# ---- on an event loop ------------------------------------------------------------------------------------------------


def test_async_client_runs_here_in_a_thread_and_its_loop_goes_on(tmp_path: Path, full: Cluster) -> None:
    async def main() -> None:
        async with AsyncClient(full.address, token=TOKEN) as plain:
            client = plain.with_options(on_overload="run_here")
            assert (await client.run(thread_name)).startswith(HERE_THREAD)
            with pytest.raises(KeyError):
                await client.run(tasks.fail, KeyError, "what")
            gate = TaskGate(tmp_path)
            held = client.submit(*gate.call)
            await asyncio.to_thread(gate.wait)
            assert await client.run(tasks.pid) == os.getpid()
            gate.open()
            assert await held == "held"
            assert [value async for value in client.map(abs, range(-30, 0))] == list(range(30, 0, -1))
            with pytest.raises(Rejected):
                await client.with_options(on_overload="raise").run(tasks.pid)

    run_within(main())


def test_async_client_expires_cancels_and_loses_what_waits_for_a_thread(tmp_path: Path, full: Cluster) -> None:
    async def main() -> None:
        async with AsyncClient(full.address, token=TOKEN) as plain:
            client = plain.with_options(on_overload="run_here")
            gates = [TaskGate(tmp_path, f"gate{n}") for n in range(THREADS_MAX)]
            held = [client.submit(*gate.call) for gate in gates]
            for gate in gates:
                await asyncio.to_thread(gate.wait)
            path = tmp_path / "ran"
            late = client.with_options(timeout=0.2).submit(tasks.note, str(path), "late")
            dropped = client.submit(tasks.note, str(path), "dropped")
            with pytest.raises(TaskExpired):
                await late
            dropped.cancel()
            waiting = client.submit(tasks.note, str(path), "in-turn")
            for gate in gates:
                gate.open()
            assert await asyncio.gather(*held) == ["held"] * THREADS_MAX
            assert await waiting == "in-turn"
            assert lines(path) == ["in-turn"]

            held = [client.submit(*gate.call) for gate in gates]
            for gate in gates:
                await asyncio.to_thread(gate.wait)
            lost = client.submit(tasks.note, str(path), "lost")
            await asyncio.sleep(0.1)
        with pytest.raises(TaskLost) as caught:
            await lost
        assert caught.value.may_have_run is MayHaveRun.NO
        for gate in gates:
            gate.open()
        assert await asyncio.gather(*held) == ["held"] * THREADS_MAX

    run_within(main())
