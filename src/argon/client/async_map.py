"""How far ``AsyncClient.map`` goes ahead of what it gives out: as ``map_window.py``, on one event loop.

In: tasks that begin and end. Out: whether one more may be submitted, and a wait until that is so or the first has
ended. It must never be used by two loops.
"""

from __future__ import annotations

import asyncio
from typing import Any

from argon.client import map_window
from argon.client.async_future import AsyncFuture
from argon.protocol.messages import Answer, Outcome, payload_bytes


class AsyncMapFuture(AsyncFuture):
    """The future of one item of ``map``.

    Attributes:
        size_bytes: what is kept of it until it is given out.
    """

    size_bytes = map_window.ITEM_BYTES

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer; one that comes after ``cancel()`` is too late."""
        if type(answer) is Outcome:
            self.size_bytes += payload_bytes(answer.payload)
        super().settle(answer, session)


class AsyncMapWindow:
    """What is under way for one call of ``map``."""

    def __init__(self) -> None:
        self._unfinished = 0
        self._kept_bytes = 0
        self._refill_at = 0
        self._room: asyncio.Future[None] | None = None  # somebody waits for it

    def begin(self, future: AsyncMapFuture) -> None:
        """Counts a task that was submitted, until it has ended."""
        self._unfinished += 1
        future.add_done_callback(self._end)

    def has_room(self, limit: int) -> bool:
        """Whether fewer tasks than ``limit`` are under way, and what is kept may be more."""
        return self._unfinished < limit and self._kept_bytes < map_window.KEPT_BYTES_MAX

    async def wait(self, first: AsyncMapFuture, limit: int) -> None:
        """Waits until the first task has ended, or half of the window is free."""
        self._refill_at = max(1, limit // 2)
        self._room = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([first, self._room], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._room = None

    def given(self, future: AsyncMapFuture) -> None:
        """Notes that what a task has come to was given out."""
        self._kept_bytes -= future.size_bytes

    def _end(self, future: Any) -> None:
        self._unfinished -= 1
        self._kept_bytes += future.size_bytes
        if self._room is not None and not self._room.done() and self.has_room(self._refill_at):
            self._room.set_result(None)
