"""On which event loop an ``AsyncClient`` may be used, and what is said elsewhere."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from argon.client.loop_guards import LoopGuards


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def checked(guards: LoopGuards) -> None:
    guards.check()


def test_own_loop_is_fine_while_it_runs_and_in_its_pauses(loop: asyncio.AbstractEventLoop) -> None:
    guards = LoopGuards(loop)
    loop.run_until_complete(checked(guards))
    guards.check()
    assert guards.in_own_process()
    assert not guards.is_abandoned()


def test_closed_loop_is_abandoned_and_says_how_to_go_on(loop: asyncio.AbstractEventLoop) -> None:
    guards = LoopGuards(loop)
    loop.close()
    assert guards.is_abandoned()
    for use in (guards.check, lambda: asyncio.run(checked(guards))):
        with pytest.raises(RuntimeError, match=r"event loop that is closed.*await connect\(\) again"):
            use()


def test_another_running_loop_is_told_so(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(RuntimeError, match=r"another event loop.*run_coroutine_threadsafe"):
        asyncio.run(checked(LoopGuards(loop)))


def test_thread_without_a_loop_is_told_so_while_the_loop_runs_elsewhere(loop: asyncio.AbstractEventLoop) -> None:
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="another event loop"):
            LoopGuards(loop).check()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_forked_process_is_told_so(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    guards = LoopGuards(loop)
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    with pytest.raises(RuntimeError, match=rf"connected in process {here}, .* create one after the fork"):
        guards.check()
    loop.close()
    assert not guards.is_abandoned(), "it may go on in the other process"
