"""Awaitables of tasks run on one loop, which outlives each of them."""

from __future__ import annotations

import asyncio

import pytest

from argon.worker.awaiter import Awaiter


async def loop_in_use() -> asyncio.AbstractEventLoop:
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


async def raised() -> None:
    raise ValueError("no good")


def test_awaitables_run_on_the_same_loop_one_after_the_other() -> None:
    awaiter = Awaiter()
    loop = awaiter.wait_for(loop_in_use())
    with pytest.raises(ValueError, match="no good"):
        awaiter.wait_for(raised())
    assert awaiter.wait_for(loop_in_use()) is loop
    assert isinstance(loop, asyncio.AbstractEventLoop)
    loop.close()


def test_loop_that_a_task_has_closed_is_replaced() -> None:
    awaiter = Awaiter()
    loop = awaiter.wait_for(loop_in_use())
    assert isinstance(loop, asyncio.AbstractEventLoop)
    loop.close()
    other = awaiter.wait_for(loop_in_use())
    assert other is not loop
    assert isinstance(other, asyncio.AbstractEventLoop)
    other.close()
