"""The face for asyncio programs.

In: awaits. Out: values and exceptions, on the caller's own event loop. It must never block the loop: everything waits
as a future.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Self

from argon.call.deadline import deadline_of
from argon.call.payload import pack_call
from argon.client.answers import value_of
from argon.client.client_connection import ClientConnection
from argon.client.client_shell import ClientShell
from argon.client.map_items import arguments_of
from argon.client.options import UNSET, Unset, changed_options
from argon.client.run_here import KeptCall, LocalThreads, closed_before_it_began, is_overload
from argon.client.task_id import task_id
from argon.errors import ConnectionFailed
from argon.net.security import find_token
from argon.protocol.messages import Answer, Status
from argon.scheduling.task_options import TaskOptions
from argon.settings import DEFAULT_ADDRESS, check_seconds, parse_address


class AsyncFuture(asyncio.Future[Any]):
    """A task's future. Cancelling it ends the task, wherever it is."""

    # Whoever makes it sets these: a default in the class makes each access slow, and so does a method for it.
    shell: ClientShell
    kept: KeptCall | None
    task_number: int
    session: int

    @property
    def task_id(self) -> str:
        """What ``argon explain`` and ``AsyncClient.explain`` know it by, as ``SESSION.SEQUENCE``."""
        return task_id(self.session or self.shell.session, self.task_number)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancels the wait, and the task with it: one that is queued never runs, one that runs is killed."""
        cancelled = super().cancel(msg)
        if cancelled:
            self.shell.cancel(self.task_number)
            if self.kept is not None:
                self.kept.withdraw()
        return cancelled

    def run_here(self, kept: KeptCall, threads: LocalThreads) -> None:
        """The cluster has no room for it: it is run in a thread of this process."""
        loop = self.get_loop()
        seconds = kept.seconds_left()
        alarm = None if seconds is None else loop.call_later(seconds, self._expire, kept)

        def ended(here: asyncio.Future[Any]) -> None:
            if alarm is not None:
                alarm.cancel()
            if here.cancelled():
                self._fail(closed_before_it_began())
            elif (error := here.exception()) is not None:
                self._fail(error)
            elif not self.done():
                self.set_result(here.result())

        asyncio.wrap_future(kept.start(threads), loop=loop).add_done_callback(ended)

    def _expire(self, kept: KeptCall) -> None:
        self._fail(kept.expired())
        kept.withdraw()

    def _fail(self, error: BaseException) -> None:
        if not self.done():
            self.set_exception(error)


class AsyncClient:
    """A client of an Argon cluster, or of a node that listens by itself, for asyncio programs.

    Args:
        address: ``host:port``.
        token: the shared secret's text; by default ``$ARGON_TOKEN``, else the user's token file.
        connect_timeout: seconds that the first connection may take.

    Raises:
        AddressInvalid: the address is not ``host:port``.
        ConnectionFailed, AuthenticationFailed, TokenInvalid: it cannot connect (on ``async with`` or ``connect()``).

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

    async def connect(self) -> None:
        """Connects; ``async with`` does it by itself. A lost connection is renewed for ever."""
        async with self._connecting:
            if not self._connections:
                connection = ClientConnection(self._address, find_token(self._token), self._settled)
                await connection.connect(self._connect_timeout_s)
                self._connections.append(connection)

    async def close(self) -> None:
        """Disconnects. Tasks without an answer are cancelled in the cluster, and end here as ``TaskLost``."""
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
        """The same client with other options for the tasks submitted through it; see ``Client.with_options``.

        With ``on_overload="run_here"``, ``run`` too runs the task in one of the client's threads: the loop goes on.
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
        """Hands a task over and returns its future at once.

        Args:
            function: any callable; or ``"module:name"``, which is then looked up by the worker only.

        Returns:
            A future of the value. Cancelling it ends the task; its ``task_id`` is for ``explain``.

        Raises:
            ArgumentNotSerializable: an argument cannot travel; nothing was sent.
            ConnectionFailed: the client is not connected yet, or closed.
        """
        if not self._connections:
            raise ConnectionFailed("this client is not connected; use it in 'async with', or call connect()")
        shell = self._connections[0].shell
        payload, kind = pack_call(function, args, kwargs)
        future = AsyncFuture()
        options = self._options
        deadline = deadline_of(options)
        future.shell = shell
        future.kept = KeptCall(payload, deadline) if options.run_here else None
        future.task_number = future.session = 0
        future.task_number = shell.submit(kind, payload, options, deadline, future)
        return future

    async def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Hands a task over and waits for its value; raises as the task did, or the ``TaskError`` that tells its
        fate."""
        return await self.submit(function, *args, **kwargs)

    async def map(self, function: Callable[..., Any] | str, /, *iterables: Iterable[Any]) -> AsyncIterator[Any]:
        """Values of ``function`` over the zipped iterables, in order, fed lazily.

        Only so many tasks are under way as the cluster's credits allow, however long the iterables are. When the loop
        is left early, or an iterable raises, those under way are cancelled.
        """
        waiting: deque[asyncio.Future[Any]] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(self.submit(function, *arguments))
                window = self._connections[0].shell.window(self._options)
                while waiting and (len(waiting) >= window or waiting[0].done()):
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for future in waiting:
                future.cancel()

    async def status(self) -> dict[str, Any]:
        """The cluster's numbers, as ``argon status --json`` prints them."""
        if not self._connections:
            raise ConnectionFailed("this client is not connected; use it in 'async with', or call connect()")
        return await self._connections[0].status()

    async def explain(self, task_id: str) -> dict[str, Any]:
        """What the cluster knows of a recent task; see ``Client.explain``."""
        if not self._connections:
            raise ConnectionFailed("this client is not connected; use it in 'async with', or call connect()")
        return await self._connections[0].explain(task_id)

    def _settled(self, future: AsyncFuture, outcome: Answer, session: int) -> None:
        if future.done():
            return
        future.session = session
        if future.kept is not None and is_overload(outcome):
            future.run_here(future.kept, self._threads)
            return
        future.kept = None
        if outcome.status == Status.CANCELLED:
            future.cancel()
            return
        value, error = value_of(outcome, session)
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
