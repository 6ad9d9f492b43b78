"""Running in this process what the cluster has no room for.

In: a call, packed as it was sent. Out: what the function returns or raises. It must never run a task that may have run
elsewhere: only one that was rejected, which never did.

The call is unpacked again, so that the function gets copies of its arguments, as it would in a worker. Nothing can kill
it here: when its timeout passes its caller is told so, and it goes on to its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from math import inf
from time import monotonic
from typing import Any, Final

from argon.call.deadline import deadline_here
from argon.call.payload import may_travel, pack_failure, unpack_call, unpack_failure
from argon.errors import MayHaveRun, RejectReason, TaskExpired, TaskLost
from argon.protocol.messages import Answer, Payload, Reject
from argon.settings import MAX_PAYLOAD_BYTES

THREADS_MAX: Final = 4


def is_overload(answer: Answer) -> bool:
    """Whether the task would have been admitted at a better time."""
    return isinstance(answer, Reject) and answer.reason is not RejectReason.TOO_LARGE


def closed_before_it_began() -> TaskLost:
    """What the caller of a call is told that still waited for a thread when its client was closed."""
    return TaskLost("the task is lost: the client was closed", may_have_run=MayHaveRun.NO)


class KeptCall:
    """A call that is kept until it is known that the cluster takes it."""

    __slots__ = ("_here", "_payload", "deadline")

    def __init__(self, payload: Payload, deadline: float) -> None:
        self._payload = payload
        self.deadline = deadline
        self._here: Future[Any] | None = None

    def run(self) -> Any:
        """Runs it in this thread, and raises what it raises, as a worker would have told it.

        Raises:
            TaskExpired: its timeout has passed already.
        """
        if monotonic() >= self.deadline:
            raise self.expired()
        payload, self._payload = self._payload, b""
        function, args, kwargs = unpack_call(payload if isinstance(payload, bytes) else bytearray().join(payload))
        try:
            with deadline_here(self.deadline):
                value = function(*args, **kwargs)
                if isinstance(function, type) and callable(getattr(value, "run", None)):
                    value = value.run()
                return _awaited(value) if isinstance(value, Awaitable) else value
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if may_travel(error):
                raise
            failure = pack_failure(error, "", MAX_PAYLOAD_BYTES)
            raise unpack_failure(failure, attempt=0, queued_s=0.0, run_s=0.0)  # noqa: B904 - it has its cause

    def start(self, threads: LocalThreads) -> Future[Any]:
        """Runs it in another thread as soon as one is free."""
        self._here = threads.submit(self)
        return self._here

    def withdraw(self) -> None:
        """Keeps it from being run, if it has not begun."""
        if self._here is not None:
            self._here.cancel()

    def running(self) -> bool:
        """Whether it runs here now."""
        return self._here is not None and self._here.running()

    def seconds_left(self) -> float | None:
        """Until its timeout passes; None if it has none."""
        return None if self.deadline == inf else max(0.0, self.deadline - monotonic())

    def expired(self) -> TaskExpired:
        """What its caller is told when its timeout has passed."""
        if self.running():
            text = "it runs in this process, where nothing can kill it, and goes on"
            return TaskExpired(f"the task's timeout passed: {text}", may_have_run=MayHaveRun.YES)
        return TaskExpired("the task's timeout passed: it had not been started", may_have_run=MayHaveRun.NO)


class LocalThreads:
    """The threads of one client for what it runs here: a few, made when they are first needed. What finds none free
    waits, first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, call: KeptCall) -> Future[Any]:
        """Runs a call as soon as a thread is free."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="argon-here")
            return self._pool.submit(call.run)

    def close(self) -> None:
        """Cancels what waits; what runs goes on to its end."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _awaited(awaitable: Awaitable[Any]) -> Any:
    """What it comes to, on an event loop of its own; and where this thread runs one, as in a notebook, elsewhere."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_result_of(awaitable))
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, _result_of(awaitable)).result()


async def _result_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
