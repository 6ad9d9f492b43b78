"""What a cluster and a node have in common: they start, serve until they are told to stop, and stop cleanly.

In: calls from the owner (any thread) and signals. Out: the role's life on an event loop. A broken invariant inside a
role ends it with that exception, rather than letting it go on wrongly.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Self

from argon.process.event_loop import run_on_own_loop
from argon.process.malloc import keep_freed_memory
from argon.settings import MAX_TIMEOUT_S

_GC_THRESHOLD: Final = 20_000

# A program that embeds a role hears from it only if it asks to.
logging.getLogger("argon").addHandler(logging.NullHandler())


class Server(ABC):
    """The life of a role. Subclasses open, drain and close."""

    def __init__(self, drain_timeout: float) -> None:
        if type(drain_timeout) not in (int, float) or not 0 <= drain_timeout <= MAX_TIMEOUT_S:
            raise ValueError(f"drain_timeout must be a number of seconds, 0 or more, not {drain_timeout!r}")
        self._drain_timeout = float(drain_timeout)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._finished = threading.Event()
        self._asked_early = False
        self._draining = False

    # ---- for owners ---------------------------------------------------------------------------------------------

    def start(self, on_ready: Callable[[], None] | None = None) -> None:
        """Serves in this thread. Returns after ``shutdown()``, ``drain()``, SIGTERM or SIGINT.

        The first signal drains: no new tasks are taken, and those that are here may finish, within ``drain_timeout``
        seconds. A second signal stops at once. Signals are caught only in the main thread.

        Args:
            on_ready: called once, when it serves.

        Raises:
            RuntimeError: it was started before. Create a new one.
        """
        run_on_own_loop(self._start(on_ready))

    async def serve(self, on_ready: Callable[[], None] | None = None) -> None:
        """Serves on the running event loop until ``shutdown()``. Signals are left to the program."""
        async with self:
            assert self._stopped is not None
            if on_ready is not None and not self._stopped.done():
                on_ready()
            await asyncio.shield(self._stopped)  # when this is cancelled, everybody is still answered

    def shutdown(self) -> None:
        """Stops at once: every task that has no answer gets one, and all connections end. Any thread may call it."""
        self._request(0.0)

    def drain(self) -> None:
        """Stops as SIGTERM does: tasks may finish within ``drain_timeout`` seconds. Any thread may call it."""
        self._request(self._drain_timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits, in another thread, until it has stopped; returns whether it has.

        Args:
            timeout: how many seconds to wait, None (the default) for no limit.
        """
        return self._finished.wait(timeout)

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError(f"this {type(self).__name__} was started before; create a new one")
        self._stopped = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()  # from here on the owner's threads reach it
        if self._asked_early:
            self._loop.call_soon(self._drain_unless_stopped, 0.0)
        try:
            await self._open()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._stopped is not None
        try:
            if not self._stopped.done():
                self._drain_now(0.0)
            await self._stopped
        finally:
            await self._leave()

    def when_stopped(self, callback: Callable[[asyncio.Future[None]], None]) -> None:
        """Calls back on the loop when it has stopped, by itself or by a broken invariant."""
        assert self._stopped is not None
        self._stopped.add_done_callback(callback)

    # ---- for subclasses -----------------------------------------------------------------------------------------

    @abstractmethod
    async def _open(self) -> None:
        """Begins to serve."""

    @abstractmethod
    def _drain_now(self, timeout_s: float) -> None:
        """Begins to stop; calls ``_stop`` when everything is answered."""

    @abstractmethod
    def _close(self) -> None:
        """Says goodbye to everybody, and lets go of everything."""

    @abstractmethod
    async def _linger(self) -> None:
        """Waits, for seconds at most, until what was said has left."""

    def _stop(self) -> None:
        """Everything is answered."""
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)

    def _guarded(self, event: Callable[..., None], *arguments: Any) -> None:
        """Runs one event; what it raises is a broken invariant, and ends the role."""
        try:
            event(*arguments)
        except Exception as error:
            if not self._broken(error):
                raise

    def _broken(self, error: Exception) -> bool:
        """Ends the role with what an event has raised; returns False when there is no life to end."""
        if self._stopped is None or self._stopped.done():
            return False
        self._stopped.set_exception(error)
        return True

    # ---- private ------------------------------------------------------------------------------------------------

    async def _start(self, on_ready: Callable[[], None] | None) -> None:
        if threading.current_thread() is not threading.main_thread():
            await self.serve(on_ready)
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            loop.add_signal_handler(number, self._signalled)
        _spare_collections()
        keep_freed_memory()
        try:
            await self.serve(on_ready)
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _signalled(self) -> None:
        self._drain_now(0.0 if self._draining else self._drain_timeout)
        self._draining = True

    def _request(self, timeout_s: float) -> None:
        self._asked_early = True
        if self._loop is not None and not self._finished.is_set():
            try:
                self._loop.call_soon_threadsafe(self._drain_unless_stopped, timeout_s)
            except RuntimeError:
                pass  # it has stopped at this very moment, and its loop is closed

    def _drain_unless_stopped(self, timeout_s: float) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._drain_now(timeout_s)

    async def _leave(self) -> None:
        try:
            self._close()
            await self._linger()
        finally:
            self._finished.set()


def _spare_collections() -> None:
    """For a process that is a role's own: what is loaded stays, and nothing that tasks leave behind has cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
