"""A client in another event loop, thread or process than its own: it works, or says at once what to do instead.

Reported of other systems: encode/httpx#2473, encode/httpx discussion 2959, conductor-oss/python-sdk#507.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import argon
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, ThreadNetwork, network


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    with network(workers=2) as net:
        yield net


def said_in_a_child(use: Callable[[], object]) -> str:
    """What a forked process is told when it uses something."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = f"nothing: {use()!r}"
        except BaseException as error:  # noqa: BLE001 - the parent looks at it
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


# ---- loops ---------------------------------------------------------------------------------------------------------


SECOND_RUN = """
import argon, asyncio, sys

client = argon.AsyncClient(sys.argv[1], token=sys.argv[2])

def told(error):
    text = str(error)
    assert "event loop that is closed" in text and "await connect() again" in text, text

async def items():
    return [item async for item in client.map(abs, [1])]

async def first():
    await client.connect()
    print(await client.run(abs, -1))

async def again():
    for use in (lambda: client.run(abs, -1), client.status, lambda: client.explain("1.1"), items):
        try:
            await use()
        except RuntimeError as error:
            told(error)
        else:
            raise AssertionError(use)
    try:
        client.submit(abs, -1)
    except RuntimeError as error:
        told(error)
    await client.connect()
    print(await client.run(abs, -2), (await client.status())["clients"])  # the first connection has ended

async def closed():
    await client.close()
    try:
        client.submit(abs, -1)
    except argon.ConnectionFailed as error:
        print("not connected" in str(error))

async def once_more():
    async with client:
        print(await client.run(abs, -3))

for main in (first, again, closed, once_more):
    asyncio.run(main())
"""


@pytest.mark.parametrize("loops", ["", "import uvloop; uvloop.install()"])
def test_second_asyncio_run_says_how_to_go_on_and_that_is_so(net: ThreadNetwork, loops: str) -> None:
    command = [sys.executable, "-c", loops + SECOND_RUN, net.address, TOKEN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n2 1\nTrue\n3\n"


def test_thread_beside_a_running_loop_is_told_to_hand_its_calls_over(net: ThreadNetwork) -> None:
    told: list[str] = []

    def elsewhere(use: Callable[[], Any]) -> None:
        try:
            use()
        except RuntimeError as error:
            told.append(str(error))

    async def main() -> None:
        async with argon.AsyncClient(net.address, token=TOKEN) as client:
            waiting = client.submit(tasks.identity, 1)
            uses: list[Callable[[], Any]] = [
                lambda: client.submit(abs, -1),
                lambda: asyncio.run(client.run(abs, -1)),
                lambda: asyncio.run(client.status()),
                lambda: asyncio.run(client.connect()),
                lambda: asyncio.run(client.close()),
                waiting.cancel,
            ]
            for use in uses:
                await asyncio.to_thread(elsewhere, use)
            loop = asyncio.get_running_loop()
            handed_over = asyncio.to_thread(
                lambda: asyncio.run_coroutine_threadsafe(client.run(abs, -5), loop).result(WITHIN_S)
            )
            assert await handed_over == 5
            assert await waiting == 1

    asyncio.run(main())
    assert len(told) == 6
    assert all("another event loop" in text or "event loop of another thread" in text for text in told), told


def test_client_in_a_running_loop_blocks_it_and_ends_all_the_same(net: ThreadNetwork) -> None:
    async def main() -> None:
        with net.client() as client:
            assert client.run(abs, -1) == 1
        pool = argon.Executor(net.address, token=TOKEN)
        future = pool.submit(abs, -2)
        pool.shutdown()
        assert future.result() == 2

    asyncio.run(asyncio.wait_for(main(), WITHIN_S))


# ---- forks ---------------------------------------------------------------------------------------------------------


def test_forked_process_is_told_whatever_it_does_with_a_client_an_executor_or_a_future(
    net: ThreadNetwork, tmp_path: Any
) -> None:
    with net.client() as client, argon.Executor(net.address, token=TOKEN) as pool:
        gate = TaskGate(tmp_path)
        pending = client.submit(*gate.call)
        gate.wait()
        done = client.submit(abs, -7)
        assert done.result(WITHIN_S) == 7
        for use in (
            lambda: client.submit(abs, 1),
            lambda: client.run(abs, 1),
            lambda: list(client.map(abs, [1])),
            client.status,
            lambda: pool.submit(abs, 1),
            lambda: list(pool.map(abs, [1])),
            pending.result,
            pending.exception,
            pending.cancel,
            lambda: pending.add_done_callback(print),
            lambda: concurrent.futures.wait([pending]),
            lambda: next(concurrent.futures.as_completed([pending])),
        ):
            said = said_in_a_child(use)
            assert said.startswith("RuntimeError: "), said
            assert said.endswith("create one after the fork"), said
        assert said_in_a_child(done.result) == "nothing: 7"
        assert said_in_a_child(client.close) == "nothing: None"
        assert said_in_a_child(pool.shutdown) == "nothing: None"
        gate.open()
        assert pending.result(WITHIN_S) == "held", "the parent is unharmed"
        assert client.run(abs, -8) == 8


def test_async_client_in_a_forked_process_is_told_and_the_parent_goes_on(net: ThreadNetwork) -> None:
    async def main() -> None:
        async with argon.AsyncClient(net.address, token=TOKEN) as client:
            for use in (
                lambda: client.submit(abs, 1),
                lambda: asyncio.run(client.run(abs, 1)),
                lambda: asyncio.run(client.connect()),
            ):
                assert "create one after the fork" in said_in_a_child(use)
            assert said_in_a_child(lambda: asyncio.run(client.close())) == "nothing: None"
            assert await client.run(abs, -8) == 8

    asyncio.run(main())


# ---- as arguments ----------------------------------------------------------------------------------------------------


def test_client_as_an_argument_is_refused_with_the_way_out(net: ThreadNetwork) -> None:
    async def main() -> None:
        async with argon.AsyncClient(net.address, token=TOKEN) as client:
            future = client.submit(abs, -1)
            await future
            check_refused(net, [client, client.with_options(retries=0), future])

    asyncio.run(main())
    with net.client() as client, argon.Executor(net.address, token=TOKEN) as pool:
        futures = [client.submit(abs, -1), pool.submit(abs, -1)]
        check_refused(net, [client, client.with_options(retries=0), pool, *futures])
        for call in ((lambda: client.run(abs, -1),), (client.run, abs, -1), (pool.submit, abs, -1)):
            with pytest.raises(argon.ArgumentNotSerializable, match="open a client there"):
                client.submit(*call)


def check_refused(net: ThreadNetwork, values: list[Any]) -> None:
    with net.client() as client:
        for value in values:
            with pytest.raises(argon.ArgumentNotSerializable) as caught:
                client.submit(tasks.identity, {"it": [value]})
            assert caught.value.path == "args[0]['it'][0]", "the object itself, and not a lock in it"
            said = f"{type(value).__name__} belongs to the process that has made it; inside a task, open a client there"
            assert said in str(caught.value)


def test_thread_local_use_of_one_client_is_fine(net: ThreadNetwork) -> None:
    results: list[int] = []
    with net.client() as client:
        threads = [threading.Thread(target=lambda: results.append(client.run(abs, -1))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN_S)
    assert results == [1] * 8
