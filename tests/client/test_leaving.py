"""How a client that nobody holds ends: when it is told, what it waits for. Whole programs: tests/field/test_ends."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import subprocess
import sys
from typing import Any

from argon.client.leaving import AnyFuture, Holder, call_when_forgotten, until_idle
from tests.support.in_process import within as run_within


def test_call_comes_when_the_last_of_all_who_hold_it_is_gone() -> None:
    calls: list[int] = []
    first = second = Holder(lambda: calls.append(1))
    del first
    gc.collect()
    assert not calls
    del second
    gc.collect()
    assert calls == [1]


def test_call_comes_for_what_only_refers_to_itself() -> None:
    class Owner:
        itself: Any

    calls: list[int] = []
    owner = Owner()
    owner.itself = owner
    call_when_forgotten(owner, lambda: calls.append(1))
    del owner
    gc.collect()
    assert calls == [1]


def test_call_does_not_come_at_the_interpreters_end() -> None:
    program = "from argon.client.leaving import Holder\nholder = Holder(lambda: print('called'))\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_idle_is_when_no_future_is_left_whatever_each_comes_to() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        of_threads: list[concurrent.futures.Future[Any]] = [concurrent.futures.Future() for _ in range(3)]
        of_loop = loop.create_future()
        left: list[AnyFuture] = [*of_threads, of_loop]
        idle = asyncio.ensure_future(until_idle(lambda: next((each for each in left if not each.done()), None)))
        of_threads[1].set_result(1)
        await asyncio.to_thread(of_threads[0].set_exception, KeyError("its own"))
        of_threads[2].cancel()
        await asyncio.sleep(0)
        assert not idle.done()
        of_loop.cancel()
        await idle

    run_within(main())


def test_future_that_ends_after_the_loop_is_no_error() -> None:
    late: concurrent.futures.Future[None] = concurrent.futures.Future()

    async def main() -> None:
        leaving = asyncio.ensure_future(until_idle(lambda: late))
        await asyncio.sleep(0)
        leaving.cancel()

    run_within(main())
    late.set_result(None)
    assert late.result() is None
