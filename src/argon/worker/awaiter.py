"""The event loop on which a worker runs what a task returned and must be awaited.

In: an awaitable. Out: its result, or what it raised. It must never be compiled: coroutines are the interpreter's.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Awaiter:
    """Runs awaitables on one loop, which stays for the next one: clients and pools stay open."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None

    def wait_for(self, awaitable: Awaitable[object]) -> object:
        """Runs one to its end."""
        import asyncio  # takes long to import, and most workers never need it

        async def result() -> object:
            return await awaitable

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(result())
