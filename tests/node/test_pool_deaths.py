"""Real workers that die: what is reported of them, and which of their tasks were not started."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import tasks
from tests.support.pool_scenarios import Busy, play
from tests.support.processes import WatchedPool, fifo, read, stop, task, value_of, wait_until_ended


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


def test_worker_that_can_be_told_nothing_any_more_is_ended_and_told_as_that() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        stop(watched.pool.pids()[1])  # it cannot end by itself
        node_end = watched.pool._handles[1].node_end
        node_end.shutdown(socket.SHUT_WR)
        watched.assign(1, task(1, tasks.identity, 1))
        assert not asyncio.get_running_loop().remove_reader(node_end), "it is listened to no more"
        exit_ = await watched.exit(1)
        assert (exit_.signal, exit_.reason) == (signal.SIGKILL, "closed Argon's channel")
        assert exit_.unstarted == [1]

    play(scenario)


@pytest.mark.parametrize("why", ["an old Python", errno.ENOSYS, errno.EPERM])
def test_death_without_pidfd_is_found_by_polling(monkeypatch: pytest.MonkeyPatch, why: str | int) -> None:
    def refuse(*_: int) -> int:  # the standard library asks too, with flags
        raise OSError(why, "a sandbox has no such call")

    if isinstance(why, str):
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", refuse)

    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.assign(1, task(1, tasks.leave, 3))
        assert (await watched.exit(1)).exit_code == 3

    play(scenario)
