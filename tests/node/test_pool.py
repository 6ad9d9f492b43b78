"""Real worker processes on a real event loop: what comes back while they work, and what is left when the node ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from argon.node.worker_handle import WorkerHandle
from tests.support import tasks
from tests.support.pool_scenarios import Busy, play
from tests.support.processes import (
    ROOT,
    WITHIN_S,
    WatchedPool,
    failure_of,
    fifo,
    read,
    task,
    value_of,
    wait_until_ended,
    watched_pool,
)

# ---- while workers live --------------------------------------------------------------------------------------------


def test_task_assigned_is_answered_by_its_worker() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1, 2)
        watched.assign(2, task(7, tasks.pid))
        assert value_of(await watched.outcome(7)) == watched.pool.pids()[2]

    play(scenario)


def test_answer_to_a_short_task_does_not_wait_for_one_in_its_own_packet(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        await busy.begin([task(1, tasks.identity, 1)], [], own_packet=True)
        assert value_of(await watched.outcome(1)) == 1
        assert 99 not in watched.outcomes
        await busy.end()

    play(scenario)


def test_pool_on_uvloop_works_too() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> None:
        async with watched_pool() as watched:
            await watched.spawned(1)
            watched.assign(1, task(1, tasks.identity, 1))
            await watched.outcome(1)
            watched.assign(1, task(2, tasks.kill_itself))
            assert (await watched.exit(1)).signal == signal.SIGKILL

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def test_more_tasks_than_the_channel_holds_are_all_answered() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, *(task(id_, tasks.identity, id_) for id_ in range(3000)))
        await watched.until(lambda: len(watched.outcomes) == 3000)
        assert [value_of(watched.outcomes[id_]) for id_ in range(3000)] == list(range(3000))

    play(scenario)


def test_large_tasks_between_small_ones_are_answered() -> None:
    blocks = [os.urandom(size) for size in (3_000_000, 10, 200_000, 131_040, 0)]

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, *(task(id_, tasks.identity, block) for id_, block in enumerate(blocks)))
        await watched.until(lambda: len(watched.outcomes) == len(blocks))
        assert [value_of(watched.outcomes[id_]) for id_ in range(len(blocks))] == blocks

    play(scenario)


def test_results_are_limited_by_what_was_said_last_and_never_beyond_the_pools_own_limit() -> None:
    async def scenario() -> None:
        async with watched_pool(max_payload_bytes=100_000) as watched:
            await watched.spawned(1)
            for id_, (limit, least) in enumerate(
                ((None, 100_000), (30_000, 30_000), (1 << 30, 100_000), (60_000, 60_000))
            ):
                if limit is not None:
                    watched.pool.limit_results(limit)
                watched.assign(1, task(2 * id_, bytes, least - 100), task(2 * id_ + 1, bytes, least))
                assert len(value_of(await watched.outcome(2 * id_))) == least - 100
                error = failure_of(await watched.outcome(2 * id_ + 1))
                assert f"over the max_payload of {least}" in str(error)

    asyncio.run(scenario())


def test_token_does_not_reach_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_TOKEN", "secret")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.state_of_process))
        assert value_of(await watched.outcome(1))["token"] is None

    play(scenario)


def test_include_comes_first_and_in_its_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        watched = WatchedPool([str(tmp_path), str(ROOT)], 1 << 20)
        try:
            await watched.spawned(1)
            watched.assign(1, task(1, tasks.state_of_process))
            assert value_of(await watched.outcome(1))["path"] == [str(tmp_path), str(ROOT)]
        finally:
            watched.pool.close()

    asyncio.run(scenario())


# ---- the end of the node -------------------------------------------------------------------------------------------


def test_close_while_tasks_run_leaves_no_process(tmp_path: Path) -> None:
    told, go = fifo(tmp_path, "told"), fifo(tmp_path, "go")

    async def scenario() -> list[int]:
        async with watched_pool() as watched:
            await watched.spawned(1, 2)
            watched.assign(1, task(1, tasks.start_a_child, told, go))
            return [int(await read(told)), *watched.pool.pids().values()]

    for pid in asyncio.run(scenario()):
        wait_until_ended(pid)


def test_children_of_a_task_die_with_a_killed_node(tmp_path: Path) -> None:
    told, go = fifo(tmp_path, "told"), fifo(tmp_path, "go")
    code = (
        "import asyncio, sys\n"
        "from tests.support import tasks\n"
        "from tests.support.processes import task, watched_pool\n"
        "async def main():\n"
        "    async with watched_pool() as watched:\n"
        "        await watched.spawned(1)\n"
        "        watched.assign(1, task(1, tasks.start_a_child, *sys.argv[1:]))\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, told, go], cwd=ROOT) as node:
        try:
            child = int(asyncio.run(read(told)))
        finally:
            node.kill()
    wait_until_ended(child)
    assert node.wait(WITHIN_S) == -signal.SIGKILL


@pytest.mark.replaces_parts
def test_close_goes_on_where_the_kernel_does_not_let_go_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    wait_and_close = WorkerHandle.wait_and_close

    def held_by_the_kernel(handle: WorkerHandle, timeout_s: float | None = None) -> int:
        waited.append(handle.worker)
        code = wait_and_close(handle, timeout_s)
        if handle.worker == 1:
            raise subprocess.TimeoutExpired("worker", 0.0)
        return code

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1, 2)
        monkeypatch.setattr(WorkerHandle, "wait_and_close", held_by_the_kernel)
        watched.pool.close()
        assert waited == [1, 2]
        wait_until_ended(watched.pool._reaper.pid)

    play(scenario)
