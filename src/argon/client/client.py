"""The client API for scripts and web workers: threads outside, an event loop on a thread of its own inside.

In: calls from any thread. Out: ``concurrent.futures.Future``s. Calls are packed in the calling thread, and handed to
the loop in batches; answers are unpacked on the loop's thread, or by the caller that waits for one. Its own calls
raise where they would wait on that thread.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, Self

from argon.call.payload import pack_call
from argon.call.time_left import deadline_of
from argon.call.unpicklable import NotForOtherProcesses
from argon.client.answers import value_of
from argon.client.leaving import Holder
from argon.client.local_run import LocalRun
from argon.client.loop_thread import LoopThread
from argon.client.map_items import arguments_of, next_result
from argon.client.map_window import MapFuture, MapWindow
from argon.client.options import UNSET, Unset, changed_options
from argon.client.run_here import KeptCall, is_overload
from argon.client.task_future import LOOK_UP_S, TaskFuture
from argon.net.security import find_token
from argon.protocol.messages import Answer
from argon.scheduling.task_options import TaskOptions
from argon.settings import CONNECT_TIMEOUT_S, DEFAULT_ADDRESS, check_connect_timeout, check_liveness, parse_address

if TYPE_CHECKING:
    from argon.call.script import Script


class _Call:
    """A call that waits for its answer in its own thread: all that ``run`` needs of a future."""

    __slots__ = ("_answer", "_waiting", "client_task_id", "session")

    def __init__(self) -> None:
        self._waiting = threading.Lock()
        self._waiting.acquire()
        self._answer: Answer | None = None
        self.client_task_id = 0
        self.session = 0

    def done(self) -> bool:
        return self._answer is not None

    def settle(self, answer: Answer, session: int = 0) -> None:
        self.session = session
        self._answer = answer
        self._waiting.release()

    def wait(self) -> Answer:
        while not self._waiting.acquire(timeout=LOOK_UP_S):
            pass  # a signal that comes just before the wait does not end it: Python looks for one when it returns
        assert self._answer is not None
        return self._answer


class Client:
    """A client of an Argon cluster, or of a node that listens by itself. Any thread may use it.

    The constructor connects. If the connection is lost later, the client connects again, without a limit.

    Args:
        address: ``host:port`` of the cluster, or of a node that listens by itself; ``localhost:8000`` by default.
        token: the cluster's token, as text; by default that of ``$ARGON_TOKEN``, else that of the user's token file.
        connect_timeout: seconds for which the first connection is tried, also if nobody listens there yet; 10 by
            default. None for one attempt.
        heartbeat: seconds between the heartbeats that it sends, None (the default) for what the cluster asks for. It
            never sends them less often.
        dead_after: seconds of silence of the cluster after which the connection counts as lost, None (the default) for
            what the cluster says. At least two of the cluster's heartbeats.

    Raises:
        ValueError: a time is not a positive number of seconds, or ``dead_after`` is not longer than ``heartbeat``.
        AddressInvalid: the address does not have the form ``host:port``.
        ConnectionFailed: no cluster answers there. Start one, or try again later.
        AuthenticationFailed: the token is not the cluster's. Use the cluster's token file or token.
        TokenInvalid: there is no token, or it cannot be used. The message says what to do.

    Example:
        >>> with argon.Client("localhost:8000") as client:  # doctest: +SKIP
        ...     client.run(math.sqrt, 2.0)
        1.4142135623730951
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        connect_timeout: float | None = CONNECT_TIMEOUT_S,
        heartbeat: float | None = None,
        dead_after: float | None = None,
    ) -> None:
        parse_address(address)
        self.address = address
        self._options = TaskOptions()
        self._script: Script | None = None  # only workers of an own cluster know anything of this program
        connect_timeout_s = check_connect_timeout(connect_timeout)
        self._thread = LoopThread(address, find_token(token), connect_timeout_s, check_liveness(heartbeat, dead_after))
        self._holder = Holder(self._thread.release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Self:
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        return view

    def __reduce__(self) -> NoReturn:
        raise NotForOtherProcesses(self)

    def close(self) -> None:
        """Disconnects. Tasks without an answer are cancelled in the cluster, and end here as ``TaskLost``.

        It waits for the end of the connection, 2 s at most, also on a thread that runs an event loop. A client that
        nobody refers to any more disconnects by itself, when its tasks are done.
        """
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
        """Returns this client with other options for the tasks that are submitted through the result.

        The two share the connection. Options that are not given stay as they are.

        Args:
            priority: an ``argon.Priority``, ``NORMAL`` by default.
            timeout: seconds from submission to answer, None (the default) for no limit. A task that takes longer ends
                as ``TaskExpired``; if it is running, it is killed.
            retries: how many times a rejected task is submitted again; None (the default) for no limit, 0 for never.
            idempotent: whether the task may run twice; False by default. If True, it is run again after its node or
                the connection was lost.
            key: tasks with equal keys (compared by ``str()``) go to the same node while it has room, for example for
                its warm caches; None (the default) for any node.
            on_overload: what happens to a task that is rejected.

                ``"wait"`` (the default): it is submitted again, as with ``retries=None``.

                ``"raise"``: ``Rejected`` is raised at once, as with ``retries=0``.

                ``"run_here"``: this process runs it, after the ``retries`` if they are given. ``run`` runs it in the
                calling thread; ``submit`` and ``map`` run it in one of four threads of the client. It is run here for
                every reason to reject it but one: a task that is too large is rejected. The function gets copies of
                its arguments. It cannot be killed here: when its timeout passes, its future ends as ``TaskExpired``
                and the function continues. It must not wait for futures of this client, since they may wait for its
                thread.

        Raises:
            ValueError: an option is out of its range. The message has its name and what it may be.

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
        """Submits a task and returns its future at once.

        Args:
            function: any callable, or its name as ``"module:name"``, which only the worker imports.
            args, kwargs: its arguments. They are pickled.

        Returns:
            The future of its value. ``cancel()`` ends the task, also one that runs; ``task_id`` is its id for
            ``explain``. Its ``result()`` raises what ``run`` raises.

        Raises:
            TypeError: the function is neither callable nor a name.
            ArgumentNotSerializable: the function or an argument cannot be pickled; nothing was sent.
            ConnectionFailed: the client is closed. Create a new one.
            RuntimeError: this process was forked after the client was created. Create a client in this process.

        Example:
            >>> future = client.submit(math.sqrt, 2.0)  # doctest: +SKIP
            >>> future.result(timeout=5)  # doctest: +SKIP
            1.4142135623730951
        """
        future = TaskFuture(self._thread)
        self._submit(future, function, args, kwargs)
        return future

    def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Submits a task, waits for it, and returns its value.

        Args:
            function, args, kwargs: as for ``submit``.

        Returns:
            What the function returned.

        Raises:
            Exception: what the function raised, with the worker's traceback as its cause.
            TaskError: the task ended in another way; ``argon.errors`` has the subclasses, and what to do.
            ArgumentNotSerializable, ConnectionFailed, RuntimeError, TypeError: as ``submit``. RuntimeError also in a
                callback of a future, which must not wait.

        Example:
            >>> client.run(math.sqrt, 2.0)  # doctest: +SKIP
            1.4142135623730951
        """
        thread, options = self._thread, self._options
        thread.guards.check_may_wait()
        payload, kind = pack_call(function, args, kwargs, self._script)
        deadline = deadline_of(options)
        call = _Call()
        try:
            thread.submit(kind, payload, options, deadline, call)
            answer = call.wait()
        except BaseException:  # Ctrl-C: nobody waits any more, and nobody else can end the task
            thread.cancel(call)
            raise
        if options.run_here and is_overload(answer):
            return KeptCall(payload, deadline).run()
        value, error = value_of(answer, call.session)
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame, and must not hold itself by it
        return value

    def map(
        self,
        function: Callable[..., Any] | str,
        /,
        *iterables: Iterable[Any],
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """Runs ``function`` for the items of the iterables, as ``map()`` does, and yields the values in order.

        Nothing is submitted before the first value is asked for. Only as many tasks are under way at a time as the
        cluster's credits allow, so the iterables may be endless. While the next value is waited for, up to 64 MiB of
        values after it are kept. The exception of a task is raised in its place and
        ends the iteration. When the iteration ends early, all tasks that are not done are cancelled, also those that
        run.

        Args:
            function: as for ``submit``.
            iterables: each item of each is one argument; the shortest ends the iteration.
            timeout: seconds from now until the last value, None (the default) for no limit.

        Returns:
            An iterator of the values.

        Raises:
            TimeoutError: the timeout passed (from the iterator).
            Exception: as ``run`` (from the iterator).

        Example:
            >>> list(client.map(math.sqrt, [1.0, 4.0]))  # doctest: +SKIP
            [1.0, 2.0]
        """
        return self._map(function, iterables, None if timeout is None else monotonic() + timeout)

    def status(self) -> dict[str, Any]:
        """Returns the cluster's numbers (queue, nodes, counters), as ``argon status --json`` prints them.

        Raises:
            ConnectionFailed: there is no connection now, or the client is closed. Try again later.
            RuntimeError: it was called in a callback of a future, or in a forked process.
        """
        numbers: dict[str, Any] = self._thread.call(self._thread.connection.status)
        return numbers

    def explain(self, task_id: str) -> dict[str, Any]:
        """Returns what the cluster knows of a recent task, as ``argon explain --json`` prints it.

        That is what it waited for, why it went to its node, the predicted and the measured run time, and how it ended.
        ``state`` is ``"unknown"`` if the cluster does not remember the task.

        Args:
            task_id: the ``task_id`` of a future that ``submit`` returned, or of a ``TaskError``.

        Raises:
            ValueError: the text does not have the form of a task's id.
            ConnectionFailed, RuntimeError: as ``status``.
        """
        known: dict[str, Any] = self._thread.call(self._thread.connection.explain, task_id)
        return known

    def _submit(
        self,
        future: TaskFuture,
        function: Callable[..., Any] | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        payload, kind = pack_call(function, args, kwargs, self._script)
        thread, options = self._thread, self._options
        deadline = deadline_of(options)
        if options.run_here:
            future.local_run = LocalRun(KeptCall(payload, deadline), thread.local_threads)
        thread.submit(kind, payload, options, deadline, future)

    def _map(
        self, function: Callable[..., Any] | str, iterables: tuple[Iterable[Any], ...], end: float | None
    ) -> Iterator[Any]:
        thread = self._thread
        window = MapWindow(thread)
        waiting: deque[MapFuture] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(MapFuture(thread, window))
                self._submit(waiting[-1], function, arguments, {})
                window.begun += 1
                limit = thread.shell.window(self._options)
                while waiting:
                    if waiting[0].done():
                        window.given(waiting[0].size_bytes)
                        yield next_result(waiting, end)
                    elif window.has_room(limit):
                        break
                    else:
                        thread.guards.check_may_wait()
                        if not window.wait(waiting[0], limit, end):
                            yield next_result(waiting, end)  # raises TimeoutError
            while waiting:
                yield next_result(waiting, end)
        finally:
            while waiting:  # what has failed is the first of them: its exception holds this frame
                waiting.popleft().cancel()
