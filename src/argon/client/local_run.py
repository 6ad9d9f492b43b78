"""Running a rejected task in a thread of this process, with an alarm for its timeout.

In: a kept call, and whoever takes what it comes to. Out: its value or its exception; ``TaskExpired`` when its timeout
passes first, ``TaskLost`` when its client is closed before it has begun. It must never wait for a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from argon.client.run_here import KeptCall
from argon.errors import MayHaveRun, TaskLost

THREADS_MAX: Final = 4

Finish: TypeAlias = Callable[[Any, BaseException | None], None]
"""Takes a value, or an exception; of several calls the first counts."""


class LocalThreads:
    """The threads of one client for what it runs here: a few, made when they are first needed. What finds none free
    waits, first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._unfinished: set[Future[Any]] = set()

    def submit(self, run: Callable[[], Any]) -> Future[Any]:
        """Runs a function as soon as a thread is free."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="argon-here")
            running = self._pool.submit(run)
        self._unfinished.add(running)
        running.add_done_callback(self._unfinished.discard)
        return running

    def unfinished(self) -> Future[Any] | None:
        """One of those that wait or run, if there is one. Called on the loop that hands over to ``submit``."""
        return next(iter(self._unfinished.copy()), None)

    def close(self) -> None:
        """Cancels what waits; what runs goes on to its end."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


class LocalRun:
    """A task that its client runs in this process if the cluster rejects it.

    Args:
        call: what is run.
        threads: where it waits for a thread.
    """

    __slots__ = ("_alarm", "_begun", "_call", "_running", "_threads", "_withdrawn")

    def __init__(self, call: KeptCall, threads: LocalThreads) -> None:
        self._call = call
        self._threads = threads
        self._begun = False
        self._withdrawn = False
        self._running: Future[Any] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def start(self, finish: Finish) -> None:
        """Runs the call as soon as a thread is free. Called on the event loop that rings the alarm.

        Args:
            finish: takes what the call comes to, in any thread.
        """
        loop = asyncio.get_running_loop()
        try:
            running = self._running = self._threads.submit(self._run)
        except RuntimeError as error:  # the interpreter ends, and starts no thread any more
            finish(None, error)
            return
        seconds = self._call.seconds_left()
        if seconds is not None:
            self._alarm = loop.call_later(seconds, self._expire, finish)
        running.add_done_callback(partial(self._ended, loop, finish))
        if self._withdrawn:  # it may have been withdrawn before there was anything to cancel
            running.cancel()

    def withdraw(self) -> None:
        """Keeps it from being run, if it has not begun."""
        self._withdrawn = True  # first: start() sees this, or is seen by the next line
        running = self._running
        if running is not None:
            running.cancel()

    def is_running(self) -> bool:
        """Whether it runs here now."""
        running = self._running
        return self._begun and (running is None or running.running())

    def _run(self) -> Any:
        if self._withdrawn:  # a thread may be quicker than the loop, which does not know the future yet
            raise CancelledError
        self._begun = True
        return self._call.run()

    def _expire(self, finish: Finish) -> None:
        finish(None, self._call.expired())
        self.withdraw()

    def _ended(self, loop: asyncio.AbstractEventLoop, finish: Finish, running: Future[Any]) -> None:
        self._running, self._begun = None, False  # it would hold itself by its callback, and the exception with it
        if self._alarm is not None:
            with suppress(RuntimeError):  # the loop has ended, and its alarms with it
                loop.call_soon_threadsafe(self._alarm.cancel)
        if running.cancelled():
            finish(None, TaskLost("the task is lost: the client was closed", may_have_run=MayHaveRun.NO))
        elif (error := running.exception()) is not None:
            finish(None, error)
        else:
            finish(running.result(), None)
