"""How far an asyncio map goes ahead of what it gives out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import argon
from argon.client import map_window
from argon.client.async_map import AsyncMapFuture, AsyncMapWindow
from argon.client.map_window import ITEM_BYTES
from argon.protocol.messages import Outcome, Status
from tests.support import light_tasks
from tests.support.in_process import WITHIN_S, TaskGate


def begun(window: AsyncMapWindow, count: int) -> list[AsyncMapFuture]:
    futures = []
    for _ in range(count):
        future = AsyncMapFuture()
        future.session, future.local_run = 0, None
        window.begin(future)
        futures.append(future)
    return futures


async def done(future: AsyncMapFuture, payload: bytes = b"") -> None:
    future.settle(Outcome(1, Status.CANCELLED, payload=payload))
    await asyncio.sleep(0)


def test_only_what_is_under_way_takes_room() -> None:
    async def main() -> None:
        window = AsyncMapWindow()
        futures = begun(window, 3)
        assert not window.has_room(3)
        await done(futures[1])
        assert window.has_room(3)

    asyncio.run(main())


def test_what_is_kept_takes_room_until_it_is_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_window, "KEPT_BYTES_MAX", 1000)

    async def main() -> None:
        window = AsyncMapWindow()
        (future,) = begun(window, 1)
        await done(future, bytes(1000))
        assert future.size_bytes == ITEM_BYTES + 1000
        assert not window.has_room(2)
        window.given(future)
        assert window.has_room(2)

    asyncio.run(main())


@pytest.mark.parametrize("which", [[0], [1, 2]])
def test_wait_ends_with_the_first_task_or_with_half_of_the_window(which: list[int]) -> None:
    async def main() -> None:
        window = AsyncMapWindow()
        futures = begun(window, 4)
        waiting = asyncio.ensure_future(window.wait(futures[0], 6))
        await asyncio.sleep(0)
        for index in which:
            assert not waiting.done()
            await done(futures[index])
        await asyncio.wait_for(waiting, WITHIN_S)

    asyncio.run(main())


def test_a_first_item_that_takes_long_does_not_keep_the_others_from_running(tmp_path: Path) -> None:
    gate = TaskGate(tmp_path)
    _, *paths = gate.call

    async def main() -> None:
        enough = asyncio.Event()

        def items() -> Iterator[int]:
            yield from range(500)
            enough.set()

        async with argon.AsyncClient(owner.address, token=owner.token) as client:
            values = client.map(lambda number: number or light_tasks.hold(*paths), items())
            first = asyncio.ensure_future(anext(values))
            await asyncio.wait_for(enough.wait(), WITHIN_S)
            gate.open()
            assert [await first, *[value async for value in values]] == ["held", *range(1, 500)]

    with argon.local(workers=2) as owner:
        asyncio.run(main())
