"""The face for scripts and web workers: threads outside, an event loop on a thread of its own inside.

In: calls from any thread. Out: ``concurrent.futures.Future``s. Calls are packed in the calling thread, and handed to
the loop in batches; answers are unpacked on the loop's thread, or by the caller that waits for one. Its own calls
refuse to wait on that thread.
"""

from __future__ import annotations

import concurrent.futures
import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any, Self

from argon.call.deadline import deadline_of
from argon.call.payload import pack_call
from argon.client.answers import value_of
from argon.client.loop_thread import LoopThread
from argon.client.map_items import arguments_of, result_by
from argon.client.options import UNSET, Unset, changed_options
from argon.client.run_here import KeptCall, is_overload
from argon.client.task_future import TaskFuture
from argon.net.security import find_token
from argon.protocol.messages import Answer
from argon.scheduling.task_options import TaskOptions
from argon.settings import DEFAULT_ADDRESS, check_seconds, parse_address


class _Call:
    """A call that waits for its outcome in its own thread: all that ``run`` needs of a future."""

    __slots__ = ("_outcome", "_waiting", "number")

    def __init__(self) -> None:
        self._waiting = threading.Lock()
        self._waiting.acquire()
        self._outcome: Answer | None = None
        self.number = 0

    def done(self) -> bool:
        return self._outcome is not None

    def settle(self, outcome: Answer, session: int = 0) -> None:
        self._outcome = outcome
        self._waiting.release()

    def stop_refused(self) -> None:
        """It is never asked to stop in the queue only."""

    def wait(self) -> Answer:
        self._waiting.acquire()
        assert self._outcome is not None
        return self._outcome


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
        on_overload: str | Unset = UNSET,
    ) -> Self:
        """The same client with other options for the tasks submitted through it. It shares the connection.

        Args:
            priority: an ``argon.Priority``; ``NORMAL`` by default.
            timeout: seconds from submit to answer, None (the default) for ever. A task that runs on is killed.
            retries: how often a rejected task is tried again; None (the default) for ever, 0 to be told at once.
            idempotent: whether the task may run twice, so that it is run again when its node is lost.
            key: tasks with equal keys go to the same node while it has room (warm caches).
            on_overload: what becomes of a task for which there is no room. "wait" (the default) tries again, as
                ``retries=None``; "raise" raises ``Rejected`` at once, as ``retries=0``; "run_here" runs the task in
                this process instead, after ``retries`` if they are given: ``run`` in the calling thread, ``submit`` and
                ``map`` in one of four threads of the client, where it waits for its turn. So is it where there is no
                node, no connection, or a cluster that drains; only a task that is too large is rejected as ever. The
                function gets copies of its arguments, and its value or exception is the answer. Nothing can kill it
                here: when its timeout passes a future ends as ``TaskExpired``, and the function goes on. It must not
                wait for futures of this client, which may wait for its thread.

        Raises:
            ValueError: an option is out of its range; the message says which and what it may be.

        Example:
            >>> client.with_options(timeout=5, retries=0).run(price, book)  # doctest: +SKIP
        """
        view = copy.copy(self)
        view._options = changed_options(
            self._options,
            priority=priority,
            timeout=timeout,
            retries=retries,
            idempotent=idempotent,
            key=key,
            on_overload=on_overload,
        )
        return view

    def submit(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Hands a task over and returns its future at once.

        Args:
            function: any callable; or ``"module:name"``, which is then looked up by the worker only.

        Returns:
            A future of the value. Its ``cancel()`` ends the task, wherever it is; its ``task_id`` is for ``explain``.

        Raises:
            ArgumentNotSerializable: an argument cannot travel; nothing was sent.
            ConnectionFailed: the client is closed.
        """
        payload, kind = pack_call(function, args, kwargs)
        future = TaskFuture(self._thread)
        options = self._options
        if options.run_here:
            future.kept = KeptCall(payload, deadline_of(options))
        self._thread.submit(future, kind, payload, options)
        return future

    def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Hands a task over and waits for its value.

        Raises:
            Exception: what the task raised, with the remote traceback as its cause.
            TaskError: what became of the task otherwise; see ``argon.errors``.
        """
        thread = self._thread
        call = _Call()
        thread.refuse_waiting(call)
        payload, kind = pack_call(function, args, kwargs)
        options = self._options
        try:
            deadline = thread.submit(call, kind, payload, options)
            outcome = call.wait()
        except BaseException:  # Ctrl-C: nobody waits any more, and nobody else can end the task
            thread.cancel(call)
            raise
        if options.run_here and is_overload(outcome):
            return KeptCall(payload, deadline).run()
        value, error = value_of(outcome, thread.session())
        if error is not None:
            raise error
        return value

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

    def explain(self, task_id: str) -> dict[str, Any]:
        """What the cluster knows of a recent task, as ``argon explain --json`` prints it: what it waited for, why it
        went to its node, what was predicted and what came of it. ``state`` is "unknown" when nothing is left of it.

        Args:
            task_id: the ``task_id`` of a future that ``submit`` returned, or of a ``TaskError``.

        Raises:
            ValueError: it is no task's id.
        """
        return self._thread.explain(task_id)

    def _map(
        self, function: Callable[..., Any] | str, iterables: tuple[Iterable[Any], ...], end: float | None
    ) -> Iterator[Any]:
        waiting: deque[concurrent.futures.Future[Any]] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(self.submit(function, *arguments))
                window = self._thread.window(self._options)
                while waiting and (len(waiting) >= window or waiting[0].done()):
                    yield result_by(waiting.popleft(), end)
            while waiting:
                yield result_by(waiting.popleft(), end)
        finally:
            for future in waiting:
                future.cancel()
