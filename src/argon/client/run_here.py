"""Running in this process what the cluster has no room for.

In: a call, packed as it was sent. Out: what the function returns or raises. It must never run a task that may have run
elsewhere: only one that was rejected, which never did.

The call is unpacked again, so that the function gets copies of its arguments, as it would in a worker. Nothing can kill
it here: when its timeout passes its caller gets TaskExpired, and it goes on to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from math import inf
from threading import current_thread, main_thread
from time import monotonic
from typing import Any

from argon.call.failure import may_travel, pack_failure, unpack_failure
from argon.call.invoke import invoke
from argon.call.payload import unpack_call
from argon.call.time_left import deadline_here
from argon.errors import MayHaveRun, RejectReason, TaskExpired
from argon.protocol.messages import Answer, Payload, Reject
from argon.settings import MAX_PAYLOAD_BYTES


def is_overload(answer: Answer) -> bool:
    """Whether the task would have been admitted at a better time."""
    return isinstance(answer, Reject) and answer.reason is not RejectReason.TOO_LARGE


class KeptCall:
    """A call that is kept until it is known that the cluster takes it. ``begun`` is whether it was run."""

    __slots__ = ("_deadline", "_payload", "begun")

    def __init__(self, payload: Payload, deadline: float) -> None:
        self._payload = payload
        self._deadline = deadline
        self.begun = False

    def run(self) -> Any:
        """Runs it in this thread, and raises what it raises, as a worker would have reported it.

        Raises:
            TaskExpired: its timeout has passed already.
        """
        if monotonic() >= self._deadline:
            raise self.expired()
        self.begun = True
        payload, self._payload = self._payload, b""
        function, args, kwargs = unpack_call(payload if isinstance(payload, bytes) else bytearray().join(payload))
        try:
            with deadline_here(self._deadline):
                return invoke(function, args, kwargs, _awaited)
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt) and current_thread() is main_thread()
            if interrupted or may_travel(error):  # Ctrl-C comes only there; elsewhere the task has raised it
                raise
            failure = pack_failure(error, "", MAX_PAYLOAD_BYTES)
            raise unpack_failure(failure, attempt=0, queued_s=0.0, run_s=0.0)  # noqa: B904 - it has its cause

    def seconds_left(self) -> float | None:
        """Until its timeout passes; None if it has none."""
        return None if self._deadline == inf else max(0.0, self._deadline - monotonic())

    def expired(self) -> TaskExpired:
        """What its caller gets when its timeout has passed."""
        if self.begun:
            text = "it runs in this process, where it cannot be killed, and continues"
            return TaskExpired(f"the task's timeout passed: {text}", may_have_run=MayHaveRun.YES)
        return TaskExpired("the task's timeout passed: it had not been started", may_have_run=MayHaveRun.NO)


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
