"""How a client that nobody holds any more ends by itself: when the last task that it was given has ended.

In: an object that all who hold the client hold, and what to call when it is gone. Out: that call, at any moment and on
any thread, also in the midst of a collection; and on the event loop, the end of the tasks one after the other. It must
never refer to who holds the client, and never block.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

AnyFuture: TypeAlias = "concurrent.futures.Future[Any] | asyncio.Future[Any]"


class Holder:
    """What all views of a client share: while one of them lives, somebody holds the client."""

    __slots__ = ("__weakref__",)

    def __init__(self, forgotten: Callable[[], object]) -> None:
        call_when_forgotten(self, forgotten)


def call_when_forgotten(holder: object, forgotten: Callable[[], object]) -> None:
    """Has a function called when nobody refers to an object any more; not at the interpreter's end."""
    weakref.finalize(holder, forgotten).atexit = False


async def until_idle(next_unanswered: Callable[[], AnyFuture | None]) -> None:
    """Waits on the event loop until there is no unanswered task left.

    Args:
        next_unanswered: the future of one of them, or None. It is asked anew after each, so that none is kept.
    """
    while (future := next_unanswered()) is not None:
        await _end_of(future)


async def _end_of(future: AnyFuture) -> None:
    """Not ``wrap_future``: that takes over the exception, and whether somebody looks at it is its owner's matter."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(_set, ended)

    future.add_done_callback(tell)
    await ended


def _set(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
