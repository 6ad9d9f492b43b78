"""What an ``AsyncClient`` cannot do on another event loop than its own, said at once.

In: the loop that a connection lives on, and the process. Out: nothing, or a RuntimeError that says what to do instead.
It must never wait.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import _get_running_loop


class LoopGuards:
    """The guards of one connection.

    Attributes:
        loop: the loop that it lives on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pid = os.getpid()

    def in_own_process(self) -> bool:
        """Whether this is the process in which it was connected, and not one that was forked from it."""
        return self._pid == os.getpid()

    def is_abandoned(self) -> bool:
        """Whether its loop will never run again in this process, which makes room for another connection."""
        return self.in_own_process() and self.loop.is_closed()

    def check(self) -> None:
        """Raises RuntimeError unless the caller is on the loop, or in the pause of one that does not run just now."""
        running = _get_running_loop()
        if running is self.loop:
            return
        if not self.in_own_process():
            raise RuntimeError(
                f"this client was connected in process {self._pid}, and this is process {os.getpid()}; "
                "create one after the fork"
            )
        if self.loop.is_closed():
            raise RuntimeError(
                "this client was connected on an event loop that is closed, as it is when asyncio.run() returns; "
                "await connect() again on this loop, or create a client in each asyncio.run()"
            )
        if running is not None or self.loop.is_running():
            raise RuntimeError(
                "this client was connected on another event loop; create one for each loop, or hand the call over with "
                "asyncio.run_coroutine_threadsafe(), or use argon.Client, which any thread may use"
            )
