"""Argon as a measured system: its three clients, each a Subject, on one running stack.

In: a `Stack` that runs. Out: what a `Subject` measures. Each client is used as its documentation says, with its default
options; nothing here reaches behind it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from argon import AsyncClient, Client, Executor
from argon.process.event_loop import run_on_own_loop
from benchmarks.stack import Stack
from benchmarks.subject import MEGABYTE
from benchmarks.tasks import echo, noop, spin

T = TypeVar("T")
WORKERS = 2
OUTSTANDING = 1000
"""How many tasks `AsyncClient` has under way at a time, as the null relay's client has."""


class WrongResult(Exception):
    """A system returned something else than what the task must return."""


class ArgonSubject(ABC):
    """What the clients have in common. Subclasses say how to make many calls at once, and one after the other."""

    name = ""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @abstractmethod
    def many(self, function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
        """Submits all, and returns all results in order."""

    @abstractmethod
    def one_by_one(self, function: Callable[[Any], T], argument: Any, count: int) -> tuple[list[float], T]:
        """The seconds of each call, and the last result."""

    # ---- the Subject --------------------------------------------------------------------------------------------

    def throughput(self, tasks: int) -> float:
        arguments = list(range(tasks))
        begin_s = time.perf_counter()
        results = self.many(noop, arguments)
        took_s = time.perf_counter() - begin_s
        self._expect(results, arguments)
        return tasks / took_s

    def round_trips(self, count: int) -> list[float]:
        trips_s, result = self.one_by_one(noop, count, count)
        self._expect(result, count)
        return trips_s

    def efficiency(self, task_s: float, count: int) -> float:
        arguments = [task_s] * count
        begin_s = time.perf_counter()
        results = self.many(spin, arguments)
        took_s = time.perf_counter() - begin_s
        self._expect(results, arguments)
        return task_s * count / WORKERS / took_s

    def echo(self, size_bytes: int, count: int) -> float:
        return self.echo_value(os.urandom(size_bytes), size_bytes, count)

    def echo_value(self, value: Any, size_bytes: int, count: int) -> float:
        """As `echo`, with a payload of any type whose bytes can be compared."""
        trips_s, result = self.one_by_one(echo, value, count)
        self._expect(bytes(result), bytes(value))
        return 2 * size_bytes * count / MEGABYTE / sum(trips_s)

    def cpu_s(self) -> dict[str, float]:
        return {**self._stack.cpu_s(), "client": time.process_time()}

    def _expect(self, result: object, wanted: object) -> None:
        if result != wanted:
            raise WrongResult(f"{self.name} returned a wrong result")


class AsyncClientSubject(ArgonSubject):
    """`AsyncClient`, on the event loop that argon's roles run on, in a thread that lives as long as the connection."""

    name = "AsyncClient"

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self._connected: Future[AsyncClient] = Future()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._hold, name="benchmark-async-client", daemon=True)
        self._thread.start()
        self._connected.result()
        self.many(noop, range(OUTSTANDING))

    def close(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()

    def many(self, function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
        return self._on_loop(self._many(function, arguments))

    def one_by_one(self, function: Callable[[Any], T], argument: Any, count: int) -> tuple[list[float], T]:
        return self._on_loop(self._one_by_one(function, argument, count))

    async def _many(self, function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
        client = self._connected.result()
        results: list[T] = []
        for first in range(0, len(arguments), OUTSTANDING):
            part = arguments[first : first + OUTSTANDING]
            results += await asyncio.gather(*[client.submit(function, argument) for argument in part])
        return results

    async def _one_by_one(self, function: Callable[[Any], T], argument: Any, count: int) -> tuple[list[float], T]:
        client = self._connected.result()
        trips_s = []
        result: Any = None
        for _ in range(count):
            begin_s = time.perf_counter()
            result = await client.submit(function, argument)
            trips_s.append(time.perf_counter() - begin_s)
        return trips_s, result

    def _on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _hold(self) -> None:
        try:
            run_on_own_loop(self._live())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for the connection
            if not self._connected.done():
                self._connected.set_exception(error)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        async with AsyncClient(self._stack.address, token=self._stack.token) as client:
            self._connected.set_result(client)
            await self._ending.wait()


class ClientSubject(ArgonSubject):
    """`Client`: many tasks go through `map`, single ones through `run`."""

    name = "Client"
    _client: Client | None = None

    def start(self) -> None:
        self._client = Client(self._stack.address, token=self._stack.token)
        self.many(noop, range(OUTSTANDING))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def many(self, function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
        assert self._client is not None
        return list(self._client.map(function, arguments))

    def one_by_one(self, function: Callable[[Any], T], argument: Any, count: int) -> tuple[list[float], T]:
        assert self._client is not None
        return timed_calls(self._client.run, function, argument, count)


class ExecutorSubject(ArgonSubject):
    """`Executor`: many tasks are all submitted, and then all results are taken."""

    name = "Executor"
    _pool: Executor | None = None

    def start(self) -> None:
        self._pool = Executor(self._stack.address, token=self._stack.token)
        self.many(noop, range(OUTSTANDING))

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def many(self, function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
        assert self._pool is not None
        submit = self._pool.submit
        futures = [submit(function, argument) for argument in arguments]
        return [future.result() for future in futures]

    def one_by_one(self, function: Callable[[Any], T], argument: Any, count: int) -> tuple[list[float], T]:
        pool = self._pool
        assert pool is not None
        return timed_calls(lambda *call: pool.submit(*call).result(), function, argument, count)


def timed_calls(
    call: Callable[..., T], function: Callable[[Any], T], argument: Any, count: int
) -> tuple[list[float], T]:
    """The seconds that each of so many blocking calls took, and the result of the last."""
    trips_s = []
    result: Any = None
    for _ in range(count):
        begin_s = time.perf_counter()
        result = call(function, argument)
        trips_s.append(time.perf_counter() - begin_s)
    return trips_s, result
