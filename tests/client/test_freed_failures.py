"""A failure leaves no reference cycle: what its caller's frames hold is freed when the except block is left.

Otherwise it stays until the collector comes by, as it does in the standard library since python/cpython#80111.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from argon.client.async_client import AsyncClient
from argon.client.client import Client
from argon.client.executor import Executor
from argon.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    Rejected,
    RemoteError,
    ResultNotSerializable,
    TaskExpired,
    TaskLost,
    WorkerDied,
)
from argon.net.security import make_token
from tests.support import light_tasks, tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    TaskGate,
    ThreadNetwork,
    eventually,
    free_port,
    make_cluster,
    serving,
    within,
)

Call = Callable[[], Any]
Submit = Callable[[], concurrent.futures.Future[Any]]


class Big:
    """What a caller holds while it waits."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def pool(net: ThreadNetwork) -> Iterator[Executor]:
    with Executor(net.address, token=TOKEN) as pool:
        yield pool


def hold_freed(call: Call, expected: type[BaseException]) -> None:
    """Calls, catches, and holds that nothing of its caller is left."""

    def inner(_: Big) -> None:
        call()

    def caller() -> weakref.ref[Big]:
        big = Big()
        try:
            inner(big)
        except expected:
            return weakref.ref(big)
        raise AssertionError("nothing was raised")

    mark = caller()
    eventually(lambda: mark() is None)  # a thread that brought the answer may be about to drop it


def hold_freed_in_loop(
    call: Callable[[AsyncClient], Awaitable[Any]], expected: type[BaseException], address: str, **options: Any
) -> None:
    """The same of a call that is awaited."""

    async def inner(client: AsyncClient, _: Big) -> None:
        await call(client)

    async def caller(client: AsyncClient) -> weakref.ref[Big]:
        big = Big()
        try:
            await inner(client, big)
        except expected:
            return weakref.ref(big)
        raise AssertionError("nothing was raised")

    async def main() -> None:
        async with AsyncClient(address, token=TOKEN) as client:
            mark = await caller(client.with_options(**options))
            for _ in range(3):
                await asyncio.sleep(0)
            assert mark() is None

    within(main())


# ---- what the task raised ------------------------------------------------------------------------------------------


def raise_error(text: object) -> None:
    raise ValueError(text)


def waited_for(submit: Submit) -> Any:
    (done, _) = concurrent.futures.wait([submit()], WITHIN_S)
    return done.pop().result()


def first_completed(submit: Submit) -> Any:
    return next(concurrent.futures.as_completed([submit()], WITHIN_S)).result()


def raised_by_hand(submit: Submit) -> None:
    error = submit().exception(WITHIN_S)
    assert error is not None
    try:
        raise error
    finally:
        del error  # as every caller has to, and as it must not keep the future


TAKEN: list[Callable[[Submit], Any]] = [
    lambda submit: submit().result(WITHIN_S),
    waited_for,
    first_completed,
    raised_by_hand,
]


@pytest.mark.parametrize("taken", TAKEN)
def test_future_of_a_client(client: Client, taken: Callable[[Any], Any]) -> None:
    hold_freed(lambda: taken(lambda: client.submit(tasks.raise_value_error, "no")), ValueError)


@pytest.mark.parametrize("taken", TAKEN)
def test_future_of_an_executor(pool: Executor, taken: Callable[[Any], Any]) -> None:
    hold_freed(lambda: taken(lambda: pool.submit(tasks.raise_value_error, "no")), ValueError)


def test_future_that_is_done_already(client: Client) -> None:
    future = client.submit(tasks.raise_value_error, "no")
    concurrent.futures.wait([future], WITHIN_S)
    waiting = [future]
    del future
    hold_freed(lambda: waiting.pop().result(), ValueError)


def test_run_of_a_client(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.raise_value_error, "no"), ValueError)


def test_map_of_a_client(client: Client) -> None:
    hold_freed(lambda: list(client.map(tasks.raise_value_error, "abc")), ValueError)


def test_map_of_a_client_that_its_caller_keeps(client: Client) -> None:
    values = client.map(tasks.raise_value_error, "abc")
    hold_freed(lambda: next(values), ValueError)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"buffersize": 2},
        {"chunksize": 2},
        {"chunksize": 2, "buffersize": 1},
        {"timeout": WITHIN_S},
        {"timeout": WITHIN_S, "chunksize": 2},
    ],
)
def test_map_of_an_executor(pool: Executor, options: dict[str, Any]) -> None:
    hold_freed(lambda: list(pool.map(tasks.raise_value_error, "abc", **options)), ValueError)


def test_task_that_raises_what_cannot_travel(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.raise_unpicklable), RemoteError)


def test_result_that_cannot_be_loaded(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.Raising, ValueError), ResultNotSerializable)


def test_result_that_cannot_be_pickled(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.return_generator), ResultNotSerializable)


def test_argument_that_cannot_be_pickled(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.identity, (n for n in "abc")), TypeError)
    hold_freed(lambda: client.submit(tasks.identity, (n for n in "abc")), TypeError)


# ---- what became of the task ---------------------------------------------------------------------------------------


def test_time_that_is_up(client: Client, tmp_path: Path) -> None:
    gate = TaskGate(tmp_path)
    held = client.submit(*gate.call)
    gate.wait()
    hold_freed(lambda: client.submit(light_tasks.pid).result(0.01), TimeoutError)
    hold_freed(lambda: client.submit(light_tasks.pid).exception(0.01), TimeoutError)
    hold_freed(lambda: list(client.map(light_tasks.identity, "a", timeout=0.01)), TimeoutError)
    hold_freed(lambda: client.with_options(timeout=0.01).run(light_tasks.pid), TaskExpired)
    gate.open()
    held.result(WITHIN_S)


def test_time_that_is_up_for_an_executor(pool: Executor, tmp_path: Path) -> None:
    gate = TaskGate(tmp_path)
    held = pool.submit(light_tasks.hold, *gate.call[1:])
    gate.wait()
    for options in ({}, {"chunksize": 2}, {"buffersize": 2}):
        hold_freed(lambda: list(pool.map(light_tasks.identity, "abc", timeout=0.01, **options)), TimeoutError)  # noqa: B023
    gate.open()
    held.result(WITHIN_S)


def test_cancelled_future(client: Client, tmp_path: Path) -> None:
    def cancelled() -> Any:
        future = client.submit(*gate.call)
        gate.wait()
        future.cancel()
        return future

    gate = TaskGate(tmp_path)
    hold_freed(lambda: cancelled().result(), concurrent.futures.CancelledError)


def test_worker_that_died(client: Client) -> None:
    hold_freed(lambda: client.run(tasks.kill_itself), WorkerDied)


def test_chunk_whose_worker_died(pool: Executor) -> None:
    hold_freed(lambda: list(pool.map(tasks.leave, [3, 4], chunksize=2)), WorkerDied)


def test_closed_client(net: ThreadNetwork, tmp_path: Path) -> None:
    def lost() -> Any:
        with net.client() as client:
            future = client.submit(*gate.call)
            gate.wait()
        return future

    gate = TaskGate(tmp_path)
    hold_freed(lambda: lost().result(), TaskLost)
    with net.client() as client:
        pass
    hold_freed(lambda: client.run(light_tasks.pid), ConnectionFailed)
    hold_freed(client.status, ConnectionFailed)


def test_rejection_and_what_is_run_here() -> None:
    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        hasty, here = client.with_options(retries=0), client.with_options(on_overload="run_here")
        hold_freed(lambda: hasty.run(light_tasks.pid), Rejected)
        hold_freed(lambda: hasty.submit(light_tasks.pid).result(WITHIN_S), Rejected)
        hold_freed(lambda: here.run(raise_error, "no"), ValueError)
        hold_freed(lambda: here.submit(raise_error, "no").result(WITHIN_S), ValueError)
        hold_freed(lambda: here.submit("sys:exit", 3).result(WITHIN_S), RemoteError)
        hold_freed(lambda: list(here.map(raise_error, "ab")), ValueError)
        hold_freed_in_loop(lambda client: client.run(light_tasks.pid), Rejected, cluster.address, retries=0)
        here_too = {"on_overload": "run_here"}
        hold_freed_in_loop(lambda client: client.run(raise_error, 1), ValueError, cluster.address, **here_too)


@pytest.mark.parametrize("options", [{"connect_timeout": None}, {"connect_timeout": 0.1}])
def test_connection_that_fails(net: ThreadNetwork, options: dict[str, Any]) -> None:
    address = f"127.0.0.1:{free_port()}"
    hold_freed(lambda: Client(address, token=TOKEN, **options), ConnectionFailed)
    hold_freed(lambda: Executor(address, token=TOKEN, **options), ConnectionFailed)
    hold_freed_in_loop(lambda _: AsyncClient(address, token=TOKEN, **options).connect(), ConnectionFailed, net.address)


def test_token_that_is_wrong(net: ThreadNetwork) -> None:
    token = make_token()
    hold_freed(lambda: Client(net.address, token=token), AuthenticationFailed)
    hold_freed_in_loop(lambda _: AsyncClient(net.address, token=token).connect(), AuthenticationFailed, net.address)


# ---- awaited -------------------------------------------------------------------------------------------------------


async def listed(client: AsyncClient) -> list[Any]:
    return [value async for value in client.map(tasks.raise_value_error, "abc")]


async def gathered(client: AsyncClient) -> Any:
    return await asyncio.gather(client.run(tasks.raise_value_error, "a"))


async def timed(client: AsyncClient) -> Any:
    return await asyncio.wait_for(client.run("time:sleep", 60), 0.01)


async def cancelled(client: AsyncClient) -> Any:
    future = client.submit("time:sleep", 60)
    future.cancel()
    waiting = [future]
    del future
    return await waiting.pop()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda client: client.run(tasks.raise_value_error, "no"), ValueError),
        (lambda client: client.submit(tasks.raise_value_error, "no"), ValueError),
        (listed, ValueError),
        (gathered, ValueError),
        (timed, TimeoutError),
        (cancelled, asyncio.CancelledError),
        (lambda client: client.run(tasks.kill_itself), WorkerDied),
    ],
)
def test_awaited_failure(
    net: ThreadNetwork, call: Callable[[AsyncClient], Awaitable[Any]], expected: type[BaseException]
) -> None:
    hold_freed_in_loop(call, expected, net.address)
