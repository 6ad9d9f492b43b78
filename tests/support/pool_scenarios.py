"""Scenarios with a pool of real worker processes, one of which may be inside a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from argon.protocol.messages import Assign
from tests.support import tasks
from tests.support.processes import WatchedPool, fifo, read, task, watched_pool, write

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
