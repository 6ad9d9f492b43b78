"""The face for scripts and web workers: threads outside, an event loop on a thread of its own inside.

In: calls from any thread. Out: ``concurrent.futures.Future``s. Calls are packed in the calling thread, and handed to
the loop in batches; answers are unpacked on the loop's thread. It must never let a caller wait on that thread, since
then nothing would ever be answered again: that is refused.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from itertools import count
from time import monotonic
from typing import Any, NamedTuple, Self

from argon.errors import ConnectionFailed, TaskExpired
from argon.net.security import find_token
from argon.protocol.codec import encode_detail
from argon.protocol.detail import Detail
from argon.protocol.messages import Entered, Outcome, Payload, Status
from argon.roles.answers import value_of
from argon.roles.client_shell import ClientShell
from argon.roles.options import UNSET, Unset, changed_options, deadline_of
from argon.roles.payload import pack_call
from argon.roles.server import run_on_own_loop
from argon.scheduling.task_options import TaskOptions
from argon.settings import DEFAULT_ADDRESS, check_seconds, parse_address

_NO_WAITING_HERE = "a callback must not wait for an answer: it runs on the thread that brings the answers"
_CLOSED = Detail("the client was closed")

log = logging.getLogger("argon.client")
_notifying = threading.Lock()


class TaskFuture(concurrent.futures.Future[Any]):
    """A task's future. ``cancel()`` ends the task, wherever it is: one that is queued never runs, one that runs is
    killed."""

    _notified = False

    def __init__(self, loop_thread: LoopThread) -> None:
        super().__init__()
        self._loop_thread = loop_thread
        self.number = 0

    def running(self) -> bool:
        """Whether the cluster has the task and it is not done."""
        return not self.done() and self._loop_thread.is_sent(self)

    def cancel(self) -> bool:
        """Cancels the task; False only when it is done already."""
        if not self._end_cancelled():
            return False
        self._loop_thread.cancel(self)
        return True

    def result(self, timeout: float | None = None) -> Any:
        """The task's value; waits for it. On ``TimeoutError`` the task goes on: cancel it, or ask again."""
        self._loop_thread.refuse_waiting(self)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The task's exception or None; waits for it."""
        self._loop_thread.refuse_waiting(self)
        return super().exception(timeout)

    def settle(self, outcome: Outcome) -> None:
        """Takes the outcome; one that comes after ``cancel()`` is too late."""
        if self.done():
            return
        try:
            if outcome.status == Status.CANCELLED:
                self._end_cancelled()
                return
            value, error = value_of(outcome)
            if error is None:
                self.set_result(value)
            else:
                self.set_exception(error)
        except concurrent.futures.InvalidStateError:
            pass  # it was cancelled at this very moment
        except BaseException:  # this thread brings everybody's answers: no caller's callback may end it
            log.exception("! a callback of a task's future ended in an exception")

    def _end_cancelled(self) -> bool:
        """Cancels the future, and tells those who wait for several, once."""
        if not super().cancel():
            return False
        with _notifying:
            first, self._notified = not self._notified, True
        if first:
            self.set_running_or_notify_cancel()
        return True

    def stop_refused(self) -> None:
        """A queued-only cancel came too late."""


class _Packed(NamedTuple):
    """A task on its way from a caller's thread to the loop."""

    future: TaskFuture
    kind: int
    payload: Payload
    options: TaskOptions
    deadline: float


class LoopThread:
    """The thread that holds a client's connection, shared by all views of the client.

    Args:
        address: ``host:port``.
        token: the shared secret.
        connect_timeout_s: how long the first connection may take.
    """

    def __init__(self, address: str, token: bytes, connect_timeout_s: float) -> None:
        self._address = address
        self._token = token
        self._pid = os.getpid()
        self._inbox: deque[_Packed] = deque()
        self._woken = False
        self._closed = False
        self._ended = False
        self._connected: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=run_on_own_loop, args=(self._live(connect_timeout_s),), name="argon-client", daemon=True
        )
        self._thread.start()
        try:
            self._connected.result()
        except BaseException:
            self._thread.join()
            raise

    # ---- from any thread ----------------------------------------------------------------------------------------

    def submit(self, future: TaskFuture, kind: int, payload: Payload, options: TaskOptions) -> None:
        """Hands a packed task to the loop, waking it once for all that come before it wakes."""
        self._refuse_unless_usable()
        self._inbox.append(_Packed(future, kind, payload, options, deadline_of(options)))
        if self._ended:
            self._refuse_rest()
        elif not self._woken:
            self._woken = True
            self._wake(self._take)

    def cancel(self, future: TaskFuture, queued_only: bool = False) -> None:
        """Asks for the end of a task."""
        if not self._closed:
            self._wake(self._cancel, future, queued_only)

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine on the loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def status(self) -> dict[str, Any]:
        """The cluster's numbers."""
        self._refuse_unless_usable()
        if self.here():
            raise RuntimeError(_NO_WAITING_HERE)
        numbers: dict[str, Any] = self.call(self._shell.status())
        return numbers

    def is_sent(self, future: TaskFuture) -> bool:
        """Whether the cluster has the task."""
        return bool(future.number) and self._shell.is_sent(future.number)

    def window(self) -> int:
        """How many tasks are worth having under way at once."""
        return self._shell.window()

    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self._thread

    def refuse_waiting(self, future: TaskFuture) -> None:
        """Refuses to wait where no answer can come: on the loop's own thread, and in a forked process."""
        if future.done():
            return
        if self.here():
            raise RuntimeError(_NO_WAITING_HERE)
        if self._pid != os.getpid():
            raise RuntimeError(self._elsewhere())

    def close(self) -> None:
        """Ends the connection and the thread."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._ending.set)
        if not self.here():
            self._thread.join()

    def _refuse_unless_usable(self) -> None:
        if self._closed:
            raise ConnectionFailed("this client is closed; make a new one")
        if self._pid != os.getpid():
            raise RuntimeError(self._elsewhere())

    def _elsewhere(self) -> str:
        return f"this client belongs to process {self._pid}, and this is {os.getpid()}; make one after the fork"

    def _wake(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            pass  # the loop has just been closed, and has answered everything

    def _refuse_rest(self) -> None:
        """Answers what came while the client was being closed. Each is taken by one thread only."""
        while self._inbox:
            try:
                packed = self._inbox.popleft()
            except IndexError:
                return
            packed.future.settle(Outcome(0, Status.LOST, Entered.NO, payload=encode_detail(_CLOSED)))

    # ---- on the loop --------------------------------------------------------------------------------------------

    async def _live(self, connect_timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._shell = ClientShell(self._address, self._token, TaskFuture.settle, _stop_refused)
        try:
            await self._shell.connect(connect_timeout_s)
        except BaseException as error:  # noqa: BLE001  # it is raised in the caller's thread
            self._connected.set_exception(error)
            return
        self._connected.set_result(None)
        try:
            await self._ending.wait()
        finally:
            self._closed = True
            self._take()
            self._ended = True  # a thread that hands over a task now sees this, or is seen by the next line
            self._refuse_rest()
            await self._shell.close()

    def _take(self) -> None:
        self._woken = False
        if self._ended:
            return
        inbox, shell = self._inbox, self._shell
        while inbox:
            future, kind, payload, options, deadline = inbox.popleft()
            if not future.cancelled():
                future.number = shell.submit(kind, payload, options, deadline, future)

    def _cancel(self, future: TaskFuture, queued_only: bool) -> None:
        self._take()
        if future.number:
            self._shell.cancel(future.number, queued_only)


def _stop_refused(future: TaskFuture) -> None:
    future.stop_refused()  # an executor's future has its own


class Client:
    """A client of an Argon cluster, or of a node that listens by itself. It may be used from any thread.

    Args:
        address: ``host:port``.
        token: the shared secret's text; by default ``$ARGON_TOKEN``, else the user's token file.
        connect_timeout: seconds that the first connection may take. A connection lost later is renewed for ever.

    Raises:
        AddressInvalid: the address is not ``host:port``.
        ConnectionFailed: no cluster answers there; start one, or try again.
        AuthenticationFailed, TokenInvalid: the token is not the cluster's, or unusable.

    Example:
        >>> with argon.Client("localhost:8000") as client:  # doctest: +SKIP
        ...     client.run(math.sqrt, 2.0)
        1.4142135623730951
    """

    _future_class: type[TaskFuture] = TaskFuture

    def __init__(
        self, address: str = DEFAULT_ADDRESS, *, token: str | None = None, connect_timeout: float = 10.0
    ) -> None:
        parse_address(address)
        self.address = address
        self._options = TaskOptions()
        self._thread = LoopThread(address, find_token(token), check_seconds("connect_timeout", connect_timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnects. Tasks without an answer are cancelled in the cluster, and end here as ``TaskLost``."""
        self._thread.close()

    def with_options(
        self,
        *,
        priority: int | Unset = UNSET,
        timeout: float | Unset | None = UNSET,
        retries: int | Unset | None = UNSET,
        idempotent: bool | Unset = UNSET,
        key: object = UNSET,
    ) -> Self:
        """The same client with other options for the tasks submitted through it. It shares the connection.

        Args:
            priority: an ``argon.Priority``; ``NORMAL`` by default.
            timeout: seconds from submit to answer, None (the default) for ever. A task that runs on is killed.
            retries: how often a rejected task is tried again; None (the default) for ever, 0 to be told at once.
            idempotent: whether the task may run twice, so that it is run again when its node is lost.
            key: tasks with equal keys go to the same node while it has room (warm caches).

        Raises:
            ValueError: an option is out of its range; the message says which and what it may be.

        Example:
            >>> client.with_options(timeout=5, retries=0).run(price, book)  # doctest: +SKIP
        """
        view = copy.copy(self)
        view._options = changed_options(
            self._options, priority=priority, timeout=timeout, retries=retries, idempotent=idempotent, key=key
        )
        return view

    def submit(
        self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """Hands a task over and returns its future at once.

        Args:
            function: any callable; or ``"module:name"``, which is then looked up by the worker only.

        Returns:
            A future of the value. Its ``cancel()`` ends the task, wherever it is.

        Raises:
            ArgumentNotSerializable: an argument cannot travel; nothing was sent.
            ConnectionFailed: the client is closed.
        """
        payload, kind = pack_call(function, args, kwargs)
        future = self._future_class(self._thread)
        self._thread.submit(future, kind, payload, self._options)
        return future

    def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Hands a task over and waits for its value.

        Raises:
            Exception: what the task raised, with the remote traceback as its cause.
            TaskError: what became of the task otherwise; see ``argon.errors``.
        """
        if self._thread.here():
            raise RuntimeError(_NO_WAITING_HERE)
        return self.submit(function, *args, **kwargs).result()

    def map(
        self,
        function: Callable[..., Any] | str,
        /,
        *iterables: Iterable[Any],
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """Values of ``function`` over the zipped iterables, in order, fed lazily.

        Nothing is sent before the first value is asked for, and only so many tasks are under way as the cluster's
        credits allow, however long the iterables are. A task's exception is raised in its place and ends the
        iteration; then, when the iterator is closed early, or when an iterable raises, the tasks under way are
        cancelled, running ones too.

        Args:
            timeout: seconds from now until the last value, None for ever.

        Raises:
            TimeoutError: the timeout passed.
        """
        return self._map(function, iterables, None if timeout is None else monotonic() + timeout)

    def status(self) -> dict[str, Any]:
        """The cluster's numbers, as ``argon status --json`` prints them."""
        return self._thread.status()

    def _map(
        self, function: Callable[..., Any] | str, iterables: tuple[Iterable[Any], ...], end: float | None
    ) -> Iterator[Any]:
        waiting: deque[concurrent.futures.Future[Any]] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(self.submit(function, *arguments))
                while waiting and (len(waiting) >= self._thread.window() or waiting[0].done()):
                    yield _result_by(waiting.popleft(), end)
            while waiting:
                yield _result_by(waiting.popleft(), end)
        finally:
            for future in waiting:
                future.cancel()


def arguments_of(iterables: tuple[Iterable[Any], ...]) -> Iterator[tuple[Any, ...]]:
    """What ``map`` gives to each task. When an iterable raises, a note on its exception says at which item."""
    items = zip(*iterables, strict=False)
    for number in count():
        try:
            arguments = next(items)
        except StopIteration:
            return
        except Exception as error:
            error.add_note(f"raised by what was given to map, for item {number}")
            raise
        yield arguments


def _result_by(future: concurrent.futures.Future[Any], end: float | None) -> Any:
    if end is None:
        return future.result()
    try:
        return future.result(max(0.0, end - monotonic()))
    except TimeoutError as error:
        if not isinstance(error, TaskExpired):
            future.cancel()
        raise
