"""The client API for asyncio programs.

In: awaits. Out: values and exceptions, on the caller's own event loop. It must never block the loop: everything waits
as a future.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any, Self

from argon.call.payload import pack_call
from argon.call.time_left import deadline_of
from argon.client.answers import value_of
from argon.client.client_connection import ClientConnection
from argon.client.client_shell import ClientShell
from argon.client.leaving import Holder
from argon.client.local_run import LocalRun, LocalThreads
from argon.client.map_items import arguments_of
from argon.client.options import UNSET, Unset, changed_options
from argon.client.run_here import KeptCall, is_overload
from argon.client.task_id import task_id
from argon.errors import ConnectionFailed
from argon.net.security import find_token
from argon.protocol.ids import ClientTaskId
from argon.protocol.messages import Answer, Status
from argon.scheduling.task_options import TaskOptions
from argon.settings import DEFAULT_ADDRESS, check_seconds, parse_address


class AsyncFuture(asyncio.Future[Any]):
    """A task's future. Cancelling it ends the task, wherever it is."""

    # Whoever makes it sets these: a default in the class makes each access slow, and so does a method for it.
    shell: ClientShell
    local_run: LocalRun | None  # of a task that is run here if it is rejected
    client_task_id: ClientTaskId
    session: int

    @property
    def task_id(self) -> str:
        """What ``argon explain`` and ``AsyncClient.explain`` know it by, as ``SESSION.SEQUENCE``."""
        return task_id(self.session or self.shell.session, self.client_task_id)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancels the wait, and the task with it: one that is queued never runs, one that runs is killed."""
        cancelled = super().cancel(msg)
        if cancelled:
            self.shell.cancel(self.client_task_id)
            if self.local_run is not None:
                self.local_run.withdraw()
        return cancelled

    def settle(self, answer: Answer, session: int = 0) -> None:
        """Takes the answer; one that comes after ``cancel()`` is too late."""
        if self.done():
            return
        self.session = session
        if self.local_run is not None and is_overload(answer):
            self.local_run.start(self._finish_soon)
            return
        self.local_run = None
        if answer.status == Status.CANCELLED:
            super().cancel()
            return
        value, error = value_of(answer, session)
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)

    def _finish_soon(self, value: Any, error: BaseException | None) -> None:
        """Takes what it has come to in this process, in any thread."""
        loop = self.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._finish, value, error)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        if self.done():
            return
        self.local_run = None
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)


class AsyncClient:
    """A client of an Argon cluster, or of a node that listens by itself, for asyncio programs.

    ``async with`` or ``connect()`` connects it. If the connection is lost later, the client connects again, without a
    limit.

    Args:
        address: ``host:port`` of the cluster, or of a node that listens by itself; ``localhost:8000`` by default.
        token: the cluster's token, as text; by default that of ``$ARGON_TOKEN``, else that of the user's token file.
        connect_timeout: seconds that the first connection may take, 10 by default.

    Raises:
        ValueError: ``connect_timeout`` is not a positive number of seconds.
        AddressInvalid: the address does not have the form ``host:port``.

    Example:
        >>> async def main():
        ...     async with argon.AsyncClient("localhost:8000") as client:
        ...         return await client.run(math.sqrt, 2.0)
    """

    def __init__(
        self, address: str = DEFAULT_ADDRESS, *, token: str | None = None, connect_timeout: float = 10.0
    ) -> None:
        parse_address(address)
        self._address = address
        self._token = token
        self._connect_timeout_s = check_seconds("connect_timeout", connect_timeout)
        self._options = TaskOptions()
        self._connections: list[ClientConnection] = []
        self._connecting = asyncio.Lock()
        self._threads = LocalThreads()
        self._holder = Holder(partial(_release, self._connections, self._threads))

    async def connect(self) -> None:
        """Connects, if it is not connected yet. ``async with`` calls this.

        Raises:
            ConnectionFailed: no cluster answers there. Start one, or try again later.
            AuthenticationFailed: the token is not the cluster's. Use the cluster's token file or token.
            TokenInvalid: there is no token, or it cannot be used. The message says what to do.
        """
        async with self._connecting:
            if not self._connections:
                connection = ClientConnection(self._address, find_token(self._token))
                await connection.connect(self._connect_timeout_s)
                self._connections.append(connection)

    async def close(self) -> None:
        """Disconnects. Tasks without an answer are cancelled in the cluster, and end here as ``TaskLost``.

        A client that nobody refers to any more disconnects by itself, when its tasks are done.
        """
        while self._connections:
            await self._connections.pop().close()
        self._threads.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

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

        The options are those of ``Client.with_options``. With ``on_overload="run_here"``, ``run`` too runs the task in
        one of the client's threads, so that the event loop is not blocked.
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

    def submit(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> AsyncFuture:
        """Submits a task and returns its future at once.

        Args:
            function: any callable, or its name as ``"module:name"``, which only the worker imports.
            args, kwargs: its arguments. They are pickled.

        Returns:
            The future of its value. ``cancel()`` ends the task, also one that runs; ``task_id`` is its id for
            ``explain``. ``await`` raises what ``run`` raises.

        Raises:
            TypeError: the function is neither callable nor a name.
            ArgumentNotSerializable: the function or an argument cannot be pickled; nothing was sent.
            ConnectionFailed: the client is not connected yet, or closed.
        """
        shell = self._connection().shell
        payload, kind = pack_call(function, args, kwargs)
        future = AsyncFuture()
        options = self._options
        deadline = deadline_of(options)
        future.shell = shell
        future.local_run = LocalRun(KeptCall(payload, deadline), self._threads) if options.run_here else None
        future.session = 0
        shell.submit(kind, payload, options, deadline, future)
        return future

    async def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Submits a task, waits for it, and returns its value.

        Args:
            function, args, kwargs: as for ``submit``.

        Raises:
            Exception: what the function raised, with the worker's traceback as its cause.
            TaskError: the task ended in another way; ``argon.errors`` has the subclasses, and what to do.
            ArgumentNotSerializable, ConnectionFailed, TypeError: as ``submit``.
        """
        return await self.submit(function, *args, **kwargs)

    async def map(self, function: Callable[..., Any] | str, /, *iterables: Iterable[Any]) -> AsyncIterator[Any]:
        """Runs ``function`` for the items of the iterables, as ``map()`` does, and yields the values in order.

        Only as many tasks are submitted at a time as the cluster's credits allow, so the iterables may be endless. The
        exception of a task is raised in its place and ends the iteration. When the iteration ends early, all tasks
        that are not done are cancelled.

        Example:
            >>> async def main(client):
            ...     return [root async for root in client.map(math.sqrt, [1.0, 4.0])]
        """
        waiting: deque[asyncio.Future[Any]] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(self.submit(function, *arguments))
                window = self._connection().shell.window(self._options)
                while waiting and (len(waiting) >= window or waiting[0].done()):
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for future in waiting:
                future.cancel()

    async def status(self) -> dict[str, Any]:
        """Returns the cluster's numbers (queue, nodes, counters), as ``argon status --json`` prints them.

        Raises:
            ConnectionFailed: there is no connection now, or the client is closed. Try again later.
        """
        return await self._connection().status()

    async def explain(self, task_id: str) -> dict[str, Any]:
        """Returns what the cluster knows of a recent task; see ``Client.explain``.

        Raises:
            ValueError: the text does not have the form of a task's id.
            ConnectionFailed: as ``status``.
        """
        return await self._connection().explain(task_id)

    def _connection(self) -> ClientConnection:
        if not self._connections:
            raise ConnectionFailed("this client is not connected; use it in 'async with', or call connect()")
        return self._connections[0]


def _release(connections: list[ClientConnection], threads: LocalThreads) -> None:
    for connection in connections:
        connection.release(threads.unfinished)
