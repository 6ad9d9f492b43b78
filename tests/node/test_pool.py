"""Real worker processes on a real event loop: what comes back when they work, are recalled, and die."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from argon.protocol.messages import Assign
from tests.support import tasks
from tests.support.processes import (
    ROOT,
    WITHIN_S,
    WatchedPool,
    failure_of,
    fifo,
    read,
    stop,
    task,
    value_of,
    wait_until_ended,
    watched_pool,
    write,
)

Scenario = Callable[[WatchedPool], Coroutine[Any, Any, None]]


def play(scenario: Scenario) -> None:
    async def main() -> None:
        async with watched_pool() as watched:
            await scenario(watched)

    asyncio.run(main())


class Busy:
    """A worker that is inside a task until it may go on, with other tasks assigned before and after it."""

    def __init__(self, watched: WatchedPool, folder: Path) -> None:
        self._watched = watched
        self._started, self._go = fifo(folder, "started"), fifo(folder, "go")

    async def begin(self, before: list[Assign], after: list[Assign], own_packet: bool = False) -> None:
        await self._watched.spawned(1)
        for assign in before:
            self._watched.put(1, assign)
        self._watched.put(1, task(99, tasks.hold, self._started, self._go), own_packet)
        self._watched.assign(1, *after)
        await read(self._started)

    async def end(self) -> None:
        await write(self._go)


# ---- while workers live ----------------------------------------------------------------------------------------------


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


# ---- taking back -----------------------------------------------------------------------------------------------------


def test_recall_while_a_task_runs_brings_back_what_was_not_started_and_what_was_finished(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        await busy.begin([task(1, tasks.identity, 1)], [task(id_, tasks.leave, 1) for id_ in (3, 4, 5)])
        back = watched.pool.recall(1)
        watched.take(back.outcomes)
        assert back.unstarted == [3, 4, 5]
        assert value_of(await watched.outcome(1)) == 1
        await busy.end()
        assert value_of(await watched.outcome(99)) == "held"
        assert watched.exits == {}  # what came back was never started: it would have ended the worker
        watched.assign(1, task(6, tasks.identity, 6))
        assert value_of(await watched.outcome(6)) == 6

    play(scenario)


def test_recall_of_a_large_task_behind_a_busy_worker_brings_it_back_whole(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        large = task(3, tasks.identity, bytes(2_000_000))
        await busy.begin([], [task(2, tasks.identity, 2), large, task(4, tasks.identity, 4)])
        assert watched.pool.recall(1).unstarted == [2, 3, 4]
        watched.assign(1, large)
        await busy.end()
        assert value_of(await watched.outcome(3)) == bytes(2_000_000)

    play(scenario)


def test_recall_brings_back_what_did_not_fit_the_channel(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        many = [task(id_, tasks.identity, "x" * 1000) for id_ in range(1000, 4000)]
        await busy.begin([], many)
        assert watched.pool.recall(1).unstarted == [assign.id for assign in many]
        assert watched.pool.recall(1).unstarted == []
        for id_ in (5000, 5001, 5002):  # the last finds the channel full of what was taken back
            assert watched.pool.recall(1).unstarted in ([], [id_ - 1])
            watched.assign(1, task(id_, tasks.identity, bytes(120_000)))
        await busy.end()
        assert value_of(await watched.outcome(99)) == "held"
        assert value_of(await watched.outcome(5002)) == bytes(120_000)

    play(scenario)


def test_recall_brings_what_was_sent_and_not_read_yet(tmp_path: Path) -> None:
    started, go = fifo(tmp_path, "started"), fifo(tmp_path, "go")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        short = [task(id_, bytes, size) for id_, size in enumerate([9, 150_000, 9])]
        watched.assign(1, *short, task(99, tasks.hold, started, go), task(100, tasks.leave, 1))
        Path(started).read_text()  # noqa: ASYNC240 - the event loop shall stand still meanwhile, and read nothing
        back = watched.pool.recall(1)
        assert [outcome.id for outcome in back.outcomes] == [0, 1, 2]
        assert len(value_of(back.outcomes[1])) == 150_000
        assert back.unstarted == [100]
        await write(go)
        assert value_of(await watched.outcome(99)) == "held"
        assert not {0, 1} & set(watched.outcomes), "what was read is reported once"

    play(scenario)


def test_recall_of_a_large_task_that_is_half_sent_takes_its_pieces_out_of_the_channel() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        large = task(1, tasks.identity, bytes(2_000_000))
        stop(watched.pool.pids()[1])
        watched.assign(1, large)
        assert watched.pool.recall(1).unstarted == [1]
        watched.assign(1, task(2, tasks.identity, 2))
        os.kill(watched.pool.pids()[1], signal.SIGCONT)
        assert value_of(await watched.outcome(2)) == 2
        watched.assign(1, large)
        assert value_of(await watched.outcome(1)) == bytes(2_000_000)

    play(scenario)


def test_recall_holds_nobody_up_though_a_task_lets_every_descriptor_wait(tmp_path: Path) -> None:
    started, go = fifo(tmp_path, "started"), fifo(tmp_path, "go")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.let_everything_wait), task(2, tasks.hold, started, go))
        await read(started)
        assert watched.pool.recall(1).unstarted == []
        await write(go)
        assert value_of(await watched.outcome(2)) == "held"

    play(scenario)


def test_tasks_assigned_and_recalled_at_random_are_answered_and_run_once_each(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    ran = str(tmp_path / "ran")
    sizes = [rng.choice([0, 10, 10, 10, 3000, 20_000, 150_000, 1_000_000]) for _ in range(1500)]
    waiting = {id_: task(id_, tasks.note, ran, id_, bytes(size)) for id_, size in enumerate(sizes)}

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        assigned: dict[int, Assign] = {}
        while len(watched.outcomes) < len(sizes):
            chosen = rng.sample(sorted(waiting), min(len(waiting), rng.randrange(1, 60)))
            assigned.update({id_: waiting.pop(id_) for id_ in chosen})
            watched.assign(1, *(assigned[id_] for id_ in chosen))
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
            if rng.random() < 0.5:
                before = len(watched.outcomes)
                await watched.until(
                    lambda before=before: len(watched.outcomes) > before or assigned.keys() <= watched.outcomes.keys()
                )
            if rng.random() < 0.7:
                back = watched.pool.recall(1)
                watched.take(back.outcomes)
                assert not set(back.unstarted) & set(watched.outcomes)
                waiting.update({id_: assigned.pop(id_) for id_ in back.unstarted})
            for id_ in watched.outcomes:
                assigned.pop(id_, None)
        assert watched.exits == {}
        assert [value_of(watched.outcomes[id_]) for id_ in range(len(sizes))] == list(sizes)

    play(scenario)
    assert sorted(map(int, Path(ran).read_text().split())) == list(range(len(sizes)))


def test_retired_worker_does_what_was_assigned_to_it_and_leaves(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        await busy.begin([], [task(2, tasks.identity, bytes(1_000_000)), task(3, tasks.identity, 3)])
        watched.pool.retire(1)
        await busy.end()
        end = await watched.exit(1)
        watched.take(end.outcomes)
        assert (end.signal, end.exit_code, end.unstarted, end.reason) == (0, 0, [], "")
        assert value_of(watched.outcomes[2]) == bytes(1_000_000)
        assert value_of(watched.outcomes[3]) == 3
        assert watched.pool.pids() == {}

    play(scenario)


# ---- when workers die ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args", "number", "code"),
    [
        (tasks.leave, (3,), 0, 3),
        (tasks.leave, (0,), 0, 0),
        (os.abort, (), signal.SIGABRT, 0),
        (tasks.segfault, (), signal.SIGSEGV, 0),
        (tasks.kill_itself, (), signal.SIGKILL, 0),
    ],
)
def test_death_is_reported_once_with_signal_and_code(
    function: Callable[..., Any], args: tuple[Any, ...], number: int, code: int
) -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1, 2)
        watched.assign(1, task(1, function, *args))
        end = await watched.exit(1)
        assert (end.signal, end.exit_code, end.oom, end.unstarted, end.outcomes) == (number, code, False, [], [])
        watched.assign(2, task(2, tasks.identity, "unharmed"))
        assert value_of(await watched.outcome(2)) == "unharmed"

    play(scenario)


def test_death_with_prefetched_tasks_reports_exactly_those_not_started(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        busy = Busy(watched, tmp_path)
        large = task(5, tasks.identity, bytes(1_000_000))
        await busy.begin(
            [task(1, tasks.identity, 1), task(2, tasks.identity, 2)],
            [task(3, tasks.identity, 3), task(4, tasks.identity, 4), large],
        )
        watched.pool.kill(1, forced=True)
        end = await watched.exit(1)
        watched.take(end.outcomes)
        assert end.unstarted == [3, 4, 5]
        assert (end.signal, end.oom) == (signal.SIGKILL, False)
        assert sorted(watched.outcomes) == [1, 2]

    play(scenario)


@pytest.mark.parametrize("forced", [False, True])
def test_end_that_the_node_has_asked_for_is_reported_as_wanted(forced: bool) -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1, 2)
        watched.pool.kill(1, forced)
        assert (await watched.exit(1)).wanted
        watched.assign(2, task(1, tasks.kill_itself))
        assert not (await watched.exit(2)).wanted

    play(scenario)


def test_death_before_a_large_task_is_claimed_counts_it_as_not_started() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        stop(watched.pool.pids()[1])
        watched.assign(1, task(1, tasks.identity, bytes(5_000_000)), task(2, tasks.identity, 2))
        watched.pool.kill(1, forced=True)
        assert (await watched.exit(1)).unstarted == [1, 2]

    play(scenario)


def test_death_at_a_random_moment_leaves_at_most_one_task_in_doubt(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    ran = tmp_path / "ran"
    ran.touch()
    workers = range(1, 7)

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(*workers)
        for worker in workers:
            ids = range(1000 * worker, 1000 * worker + 300)
            sizes = [rng.choice([0, 10, 3000, 150_000]) for _ in ids]
            assigned = [task(id_, tasks.note, str(ran), id_, bytes(size)) for id_, size in zip(ids, sizes, strict=True)]
            watched.assign(worker, *assigned)
            enough = rng.randrange(100)
            await watched.until(lambda ids=ids, enough=enough: len(watched.outcomes.keys() & set(ids)) >= enough)
            watched.pool.kill(worker, forced=True)
            end = await watched.exit(worker)
            watched.take(end.outcomes)
            started = set(map(int, ran.read_text().split())) & set(ids)
            done = watched.outcomes.keys() & set(ids)
            assert end.unstarted == list(ids)[len(ids) - len(end.unstarted) :]
            assert not started & set(end.unstarted)
            assert done <= started
            assert len(ids) - len(done) - len(end.unstarted) <= 1

    play(scenario)


def test_death_is_seen_though_a_child_holds_the_channel_open() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.leave_a_child, 4))
        assert (await watched.exit(1)).exit_code == 4

    play(scenario)


def test_children_of_a_task_die_with_its_worker(tmp_path: Path) -> None:
    told, go = fifo(tmp_path, "told"), fifo(tmp_path, "go")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.start_a_child, told, go))
        child = int(await read(told))
        os.kill(watched.pool.pids()[1], signal.SIGKILL)
        assert (await watched.exit(1)).signal == signal.SIGKILL
        await asyncio.to_thread(wait_until_ended, child)

    play(scenario)


def test_task_that_writes_to_every_descriptor_hurts_only_itself(tmp_path: Path) -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.identity, 1), task(2, tasks.write_everywhere), task(3, tasks.identity, 3))
        end = await watched.exit(1)
        watched.take(end.outcomes)
        assert end.reason == "wrote to Argon's channel"
        assert end.unstarted == [3]
        assert sorted(watched.outcomes) == [1]
        assert value_of(watched.outcomes[1]) == 1

    play(scenario)


def test_task_that_closes_every_descriptor_is_answered_and_the_next_comes_back() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.close_everything))
        watched.assign(1, task(2, tasks.identity, 2))
        end = await watched.exit(1)
        watched.take(end.outcomes)
        assert value_of(watched.outcomes[1]) == "closed"
        assert (end.exit_code, end.unstarted) == (1, [2])

    play(scenario)


def test_worker_that_ignores_sigterm_ends_by_force(tmp_path: Path) -> None:
    started = fifo(tmp_path, "started")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1, 2)
        watched.assign(1, task(1, tasks.ignore_sigterm, started))
        await read(started)
        watched.pool.kill(1, forced=False)
        watched.pool.kill(2, forced=False)
        assert (await watched.exit(2)).signal == signal.SIGTERM
        assert 1 not in watched.exits
        watched.pool.kill(1, forced=True)
        assert (await watched.exit(1)).signal == signal.SIGKILL

    play(scenario)


def test_worker_that_cannot_be_started_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(watched: WatchedPool) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        watched.pool.spawn(1)
        assert 1 not in watched.exits  # never from within a call
        assert "could not be started" in (await watched.exit(1)).reason

    play(scenario)


def test_death_without_pidfd_is_found_by_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.leave, 3))
        assert (await watched.exit(1)).exit_code == 3

    play(scenario)


# ---- the end of the node ---------------------------------------------------------------------------------------------


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
