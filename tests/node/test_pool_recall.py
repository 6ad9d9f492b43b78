"""Tasks that are taken back from real workers: each is answered or comes back, and runs once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

from argon.protocol.messages import Assign
from argon.scheduling.node.worker_slot import Recalled
from tests.support import tasks
from tests.support.pool_scenarios import Busy, play
from tests.support.processes import WatchedPool, fifo, read, stop, task, value_of, write


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


def test_recall_from_a_worker_that_is_gone_brings_nothing() -> None:
    async def scenario(watched: WatchedPool) -> None:
        assert watched.pool.recall(1) == Recalled(1, [], [], 0)

    play(scenario)


def test_retired_worker_that_has_nothing_to_do_leaves_at_once() -> None:
    async def scenario(watched: WatchedPool) -> None:
        await watched.spawned(1)
        watched.pool.retire(1)
        end = await watched.exit(1)
        assert (end.signal, end.exit_code, end.reason) == (0, 0, "")
        assert watched.pool._retiring == set()

    play(scenario)
