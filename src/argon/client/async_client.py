"""The client API for asyncio programs.

In: awaits. Out: values and exceptions, on the caller's own event loop. It must never block the loop: everything waits
as a future.
"""

from __future__ import annotations

import asyncio
import copy
from asyncio import _get_running_loop
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any, NoReturn, Self, TypeVar

from argon.call.payload import pack_call
from argon.call.time_left import deadline_of
from argon.call.unpicklable import NotForOtherProcesses
from argon.client.async_future import AsyncFuture
from argon.client.async_map import AsyncMapFuture, AsyncMapWindow
from argon.client.client_connection import ClientConnection
from argon.client.leaving import Holder
from argon.client.local_run import LocalRun, LocalThreads
from argon.client.loop_guards import LoopGuards
from argon.client.map_items import arguments_of
from argon.client.options import UNSET, Unset, changed_options
from argon.client.run_here import KeptCall
from argon.errors import ConnectionFailed
from argon.net.security import find_token
from argon.scheduling.task_options import TaskOptions
from argon.settings import CONNECT_TIMEOUT_S, DEFAULT_ADDRESS, check_connect_timeout, check_liveness, parse_address

_F = TypeVar("_F", bound=AsyncFuture)


class AsyncClient:
    """A client of an Argon cluster, or of a node that listens by itself, for asyncio programs.

    ``async with`` or ``connect()`` connects it. If the connection is lost later, the client connects again, without a
    limit. It lives on the event loop on which it was connected, which may pause. When that loop has been closed,
    ``connect()`` connects it anew on another one.

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

    Example:
        >>> async def main():
        ...     async with argon.AsyncClient("localhost:8000") as client:
        ...         return await client.run(math.sqrt, 2.0)
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
        self._address = address
        self._token = token
        self._connect_timeout_s = check_connect_timeout(connect_timeout)
        self._liveness = check_liveness(heartbeat, dead_after)
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
            RuntimeError: it is connected on another event loop that goes on, or was before a fork. Create another one.
        """
        async with self._connecting:
            if self._connections and self._guards().is_abandoned():
                self._connections.pop().abandon()
            if self._connections:
                self._guards().check()
                return
            connection = ClientConnection(self._address, find_token(self._token), self._liveness)
            await connection.connect(self._connect_timeout_s)
            self._connections.append(connection)

    async def close(self) -> None:
        """Disconnects. Tasks without an answer are cancelled in the cluster, and end here as ``TaskLost``.

        A client that nobody refers to any more disconnects by itself, when its tasks are done.

        Raises:
            RuntimeError: it is connected on another event loop that goes on. Close it there.
        """
        while self._connections:
            guards = self._guards()
            if guards.is_abandoned():
                self._connections.pop().abandon()
            elif guards.in_own_process():
                guards.check()
                await self._connections.pop().close()
            else:  # it belongs to the process that goes on with it
                self._connections.clear()
        self._threads.close()

    def __copy__(self) -> Self:
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        return view

    def __reduce__(self) -> NoReturn:
        raise NotForOtherProcesses(self)

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
            RuntimeError: it was connected on another event loop, or before a fork. The message says what to do.
        """
        return self._submit(AsyncFuture, function, args, kwargs)

    async def run(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Submits a task, waits for it, and returns its value.

        Args:
            function, args, kwargs: as for ``submit``.

        Raises:
            Exception: what the function raised, with the worker's traceback as its cause.
            TaskError: the task ended in another way; ``argon.errors`` has the subclasses, and what to do.
            ArgumentNotSerializable, ConnectionFailed, RuntimeError, TypeError: as ``submit``.
        """
        return await self.submit(function, *args, **kwargs)

    async def map(self, function: Callable[..., Any] | str, /, *iterables: Iterable[Any]) -> AsyncIterator[Any]:
        """Runs ``function`` for the items of the iterables, as ``map()`` does, and yields the values in order.

        Only as many tasks are under way at a time as the cluster's credits allow, so the iterables may be endless.
        While the next value is waited for, up to 64 MiB of values after it are kept. The exception of a task is raised
        in its place and ends the iteration. When the iteration ends early, all tasks that are not done are cancelled.

        Example:
            >>> async def main(client):
            ...     return [root async for root in client.map(math.sqrt, [1.0, 4.0])]
        """
        window = AsyncMapWindow()
        waiting: deque[AsyncMapFuture] = deque()
        try:
            for arguments in arguments_of(iterables):
                waiting.append(self._submit(AsyncMapFuture, function, arguments, {}))
                window.begin(waiting[-1])
                limit = self._connection().shell.window(self._options)
                while waiting:
                    if waiting[0].done():
                        window.given(waiting[0])
                        yield await waiting.popleft()
                    elif window.has_room(limit):
                        break
                    else:
                        await window.wait(waiting[0], limit)
            while waiting:
                yield await waiting.popleft()
        finally:
            while waiting:
                waiting.popleft().cancel()

    async def status(self) -> dict[str, Any]:
        """Returns the cluster's numbers (queue, nodes, counters), as ``argon status --json`` prints them.

        Raises:
            ConnectionFailed: there is no connection now, or the client is closed. Try again later.
            RuntimeError: as ``submit``.
        """
        return await self._connection().status()

    async def explain(self, task_id: str) -> dict[str, Any]:
        """Returns what the cluster knows of a recent task; see ``Client.explain``.

        Raises:
            ValueError: the text does not have the form of a task's id.
            ConnectionFailed, RuntimeError: as ``status``.
        """
        return await self._connection().explain(task_id)

    def _submit(
        self,
        kind_of_future: type[_F],
        function: Callable[..., Any] | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> _F:
        shell = self._connection().shell
        payload, kind = pack_call(function, args, kwargs)
        future = kind_of_future(loop=shell.loop)
        options = self._options
        deadline = deadline_of(options)
        future.shell = shell
        future.local_run = LocalRun(KeptCall(payload, deadline), self._threads) if options.run_here else None
        future.session = 0
        shell.submit(kind, payload, options, deadline, future)
        return future

    def _connection(self) -> ClientConnection:
        if not self._connections:
            raise ConnectionFailed("this client is not connected; use it in 'async with', or call connect()")
        connection = self._connections[0]
        if connection.shell.loop is not _get_running_loop():
            self._guards().check()
        return connection

    def _guards(self) -> LoopGuards:
        guards = self._connections[0].guards
        assert guards is not None
        return guards


def _release(connections: list[ClientConnection], threads: LocalThreads) -> None:
    for connection in connections:
        connection.release(threads.unfinished)
