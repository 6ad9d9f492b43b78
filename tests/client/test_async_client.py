"""The client API for asyncio programs, on a real network: nothing blocks the loop, and every task has its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from math import nan
from pathlib import Path
from typing import Any

import pytest

from argon.client.async_client import AsyncClient
from argon.errors import (
    AddressInvalid,
    ArgumentNotSerializable,
    AuthenticationFailed,
    ConnectionFailed,
    MayHaveRun,
    Rejected,
    RejectReason,
    TaskExpired,
    TaskLost,
    TokenInvalid,
    WorkerDied,
)
from argon.net.security import make_token
from argon.settings import Priority
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    TaskGate,
    ThreadNetwork,
    cut,
    eventually,
    free_port,
    lines,
    make_cluster,
    network,
    pid_ended,
    serving,
    soon,
    within,
)

Scenario = Callable[[AsyncClient], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    """One worker, so that what waits and what runs is known."""
    with network() as net:
        yield net


@pytest.fixture
def play(net: ThreadNetwork) -> Iterator[Callable[[Scenario], None]]:
    """Runs a scenario with a connected client, in the time that a test may take."""

    def run(scenario: Scenario) -> None:
        async def main() -> None:
            async with AsyncClient(net.address, token=TOKEN) as client:
                await scenario(client)

        within(main())

    yield run
    with net.client() as watcher:
        eventually(lambda: not any(watcher.status()[name] for name in ("in_flight", "queue_length")))


async def begun(gate: TaskGate) -> None:
    """Waits until the gate's task runs, and lets the loop go on meanwhile."""
    await asyncio.to_thread(gate.wait)


async def until_alone(client: AsyncClient, tasks_left: int = 1) -> None:
    """Waits until the cluster and its node have no more tasks than these."""
    while True:
        numbers = await client.status()
        if numbers["in_flight"] + numbers["queue_length"] <= tasks_left:
            return
        await asyncio.sleep(0.01)


async def failure(future: asyncio.Future[Any]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each test says which
        await future
    return caught.value


# ---- connecting --------------------------------------------------------------------------------------------------


def test_constructing_connects_nothing_and_checks_the_address() -> None:
    AsyncClient("localhost:1", token="no token yet")
    for address in ("localhost", "http://localhost:8000", "::1:8000"):
        with pytest.raises(AddressInvalid):
            AsyncClient(address)


def test_connecting_fails_in_one_sentence(net: ThreadNetwork) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionFailed, match="start one with: argon cluster"):
            await AsyncClient(f"127.0.0.1:{free_port()}", token=TOKEN, connect_timeout=None).connect()
        with pytest.raises(AuthenticationFailed, match="the token is not that of the cluster"):
            await AsyncClient(net.address, token=make_token()).connect()
        with pytest.raises(TokenInvalid, match="the token given is empty"):
            await AsyncClient(net.address, token="").connect()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(ConnectionFailed, match=r"within 0\.05 s"):
                await AsyncClient(address, token=TOKEN, connect_timeout=0.05).connect()

    within(main())


@pytest.mark.parametrize("value", [0, -1, nan, "10"])
def test_connect_timeout_that_is_no_number_of_seconds_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="connect_timeout must be a positive number of seconds"):
        AsyncClient("localhost:1", connect_timeout=value)


def test_client_that_is_not_connected_raises_for_everything(net: ThreadNetwork) -> None:
    async def main() -> None:
        client = AsyncClient(net.address, token=TOKEN)
        for _ in range(2):
            with pytest.raises(ConnectionFailed, match="is not connected"):
                client.submit(tasks.pid)
            with pytest.raises(ConnectionFailed, match="is not connected"):
                await client.run(tasks.pid)
            with pytest.raises(ConnectionFailed, match="is not connected"):
                await client.status()
            async with client:
                assert await client.run(tasks.identity, 1) == 1
            await client.close()  # and it can be connected again

    within(main())


def test_connecting_twice_is_one_connection(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        await client.connect()
        await asyncio.gather(client.connect(), client.connect())
        assert (await client.status())["clients"] == 1

    play(scenario)


def test_connecting_from_two_tasks_at_once_is_one_connection(net: ThreadNetwork) -> None:
    async def main() -> None:
        client = AsyncClient(net.address, token=TOKEN)
        await asyncio.gather(client.connect(), client.connect())
        assert (await client.status())["clients"] == 1
        await client.close()

    within(main())


# ---- tasks -------------------------------------------------------------------------------------------------------


def test_run_gives_the_value_and_takes_every_keyword_of_the_function(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        options = {"timeout": 1, "priority": 2, "self": 3, "function": 4}
        assert await client.run(tasks.take, 1, **options) == ((1,), options)
        assert await client.run("os:getppid") > 0

    play(scenario)


def test_tasks_of_many_coroutines_all_come_back(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        assert await asyncio.gather(*(client.run(tasks.identity, n) for n in range(500))) == list(range(500))

    play(scenario)


def test_failures_are_raised_with_their_data(net: ThreadNetwork, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        with pytest.raises(ZeroDivisionError, match="by hand"):
            await client.run(tasks.fail, ZeroDivisionError, "by hand")
        with pytest.raises(ArgumentNotSerializable, match=r"args\[0\]"):
            client.submit(tasks.identity, asyncio.get_running_loop())
        error = await failure(client.submit(tasks.leave, 3))
        assert isinstance(error, WorkerDied)
        assert (error.exit_code, error.node, error.may_have_run) == (3, net.node.name, MayHaveRun.YES)

    play(scenario)


# ---- options -----------------------------------------------------------------------------------------------------


def test_priority_is_the_order_in_which_one_worker_takes_them(tmp_path: Path, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        gate, path = TaskGate(tmp_path), tmp_path / "order"
        client.submit(*gate.call)
        await begun(gate)
        futures = [
            client.with_options(priority=priority).submit(tasks.note, str(path), priority.name)
            for priority in sorted(Priority, reverse=True)
        ]
        assert (await client.status())["counters"]["accepted"] >= 6  # they have all arrived before the gate opens
        gate.open()
        await asyncio.gather(*futures)
        assert lines(path) == [priority.name for priority in sorted(Priority)]

    play(scenario)


def test_timeout_retries_and_idempotent_do_what_they_say(tmp_path: Path, net: ThreadNetwork) -> None:
    async def main() -> None:
        async with AsyncClient(net.address, token=TOKEN) as client:
            await client.run(tasks.pid)
            gate = TaskGate(tmp_path)
            future = client.with_options(timeout=0.3).submit(*gate.call)
            await begun(gate)
            error = await failure(future)
            assert isinstance(error, TaskExpired)
            assert error.may_have_run is MayHaveRun.YES

            once, again = client.submit(*gate.call), client.with_options(idempotent=True).submit(tasks.identity, 2)
            await begun(gate)
            cut(net.cluster)
            assert isinstance(await failure(once), TaskLost)
            assert await again == 2

        with serving(make_cluster()) as empty:
            async with AsyncClient(empty.address, token=TOKEN) as client:
                error = await failure(client.with_options(retries=0).submit(tasks.pid))
                assert isinstance(error, Rejected)
                assert error.reason is RejectReason.NO_NODES

    within(main())


def test_explain_tells_what_became_of_a_task_by_its_future_and_by_its_error(
    play: Callable[[Scenario], None],
) -> None:
    async def scenario(client: AsyncClient) -> None:
        done, failed = client.submit(tasks.identity, 1), client.submit(tasks.leave, 3)
        session = client._connection().shell.session
        assert session > 1, "a session of 1 proves nothing"
        assert done.task_id == f"{session}.{done.client_task_id}", "it is known before the answer"
        assert done.task_id != failed.task_id
        assert await done == 1
        assert (await client.explain(done.task_id))["state"] == "completed"
        error = await failure(failed)
        assert isinstance(error, WorkerDied)
        assert error.task_id == failed.task_id
        assert (await client.explain(error.task_id))["state"] == "failed"

    play(scenario)


def test_explain_without_a_connection_says_so(net: ThreadNetwork) -> None:
    with pytest.raises(ConnectionFailed, match="not connected"):
        within(AsyncClient(net.address, token=TOKEN).explain("1.1"))


def test_options_are_a_view_that_shares_the_connection(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        hasty = client.with_options(timeout=0.05, key="a")
        assert isinstance(await failure(hasty.submit("time:sleep", 60)), TaskExpired)
        assert await hasty.with_options(timeout=None).run(tasks.identity, 1) == 1
        assert (await client.status())["clients"] == 1
        with pytest.raises(ValueError, match="retries"):
            client.with_options(retries=-1)

    play(scenario)


# ---- map ---------------------------------------------------------------------------------------------------------


def test_map_gives_values_in_order_and_takes_no_more_items_than_its_window(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        assert [value async for value in client.map(pow, range(100), itertools.repeat(2))] == [
            n * n for n in range(100)
        ]
        taken = itertools.count()
        async with contextlib.aclosing(client.map(tasks.identity, (next(taken) for _ in range(10**6)))) as values:
            expected = 0
            async for value in values:
                assert value == expected
                expected += 1
                if expected == 500:
                    break
        assert 500 <= next(taken) < 5_000  # the window follows the credits, hundreds here

    play(scenario)


def test_map_raises_in_its_place_and_says_which_item_an_iterable_failed_to_give(
    play: Callable[[Scenario], None],
) -> None:
    def items() -> Iterator[int]:
        yield 6
        raise LookupError("no more")

    async def scenario(client: AsyncClient) -> None:
        values = client.map(divmod, [6, 7], [3, 0])
        assert await anext(values) == (2, 0)
        with pytest.raises(ZeroDivisionError):
            await anext(values)
        with pytest.raises(LookupError) as caught:
            _ = [value async for value in client.map(tasks.identity, items())]
        assert caught.value.__notes__ == ["raised by what was given to map, for item 1"]

    play(scenario)


def test_map_left_early_cancels_what_is_under_way(tmp_path: Path, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(3)]
        gates[0].open()
        starts, goes = [gate.call[1] for gate in gates], [gate.call[2] for gate in gates]
        async for value in client.map(gates[0].call[0], starts, goes):
            assert value == "held"
            await begun(gates[1])
            break
        await until_alone(client, 0)

    play(scenario)


def test_map_whose_client_is_closed_meanwhile_says_so(net: ThreadNetwork) -> None:
    async def main() -> None:
        client = AsyncClient(net.address, token=TOKEN)
        await client.connect()
        values: AsyncIterator[Any] = client.map(tasks.identity, range(1000))
        assert await anext(values) == 0
        await client.close()
        with pytest.raises((ConnectionFailed, TaskLost)):
            _ = [value async for value in values]

    within(main())


# ---- cancelling --------------------------------------------------------------------------------------------------


def test_cancel_of_a_running_task_kills_it(
    tmp_path: Path, net: ThreadNetwork, play: Callable[[Scenario], None]
) -> None:
    async def scenario(client: AsyncClient) -> None:
        gate = TaskGate(tmp_path)
        future = client.submit(*gate.call)
        await begun(gate)
        assert net.node._pool is not None
        (pid,) = net.node._pool.pids().values()
        assert future.cancel()
        assert not future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        await soon(lambda: pid_ended(pid))
        assert await client.run(tasks.identity, 1) == 1

    play(scenario)


def test_giving_up_waiting_ends_the_task(tmp_path: Path, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        gate, path = TaskGate(tmp_path), tmp_path / "ran"
        held = client.submit(*gate.call)
        await begun(gate)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.run(tasks.note, str(path), "ran"), 0.05)
        await until_alone(client)
        gate.open()
        assert await held == "held"
        await client.run(tasks.pid)
        assert not path.exists()

    play(scenario)


def test_shielded_wait_leaves_the_task_alone(tmp_path: Path, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        gate = TaskGate(tmp_path)
        future = client.submit(*gate.call)
        await begun(gate)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), 0.05)
        gate.open()
        assert await future == "held"

    play(scenario)


def test_cancel_of_a_done_task_says_no(play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        future = client.submit(tasks.identity, 1)
        assert await future == 1
        assert not future.cancel()

    play(scenario)


# ---- the end -----------------------------------------------------------------------------------------------------


def test_close_answers_what_is_pending(tmp_path: Path, net: ThreadNetwork) -> None:
    async def main() -> None:
        gate = TaskGate(tmp_path)
        async with AsyncClient(net.address, token=TOKEN) as client:
            running = client.submit(*gate.call)
            await begun(gate)
        error = await failure(running)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.UNKNOWN

    within(main())


def test_loop_goes_on_while_a_task_runs(tmp_path: Path, play: Callable[[Scenario], None]) -> None:
    async def scenario(client: AsyncClient) -> None:
        gate = TaskGate(tmp_path)
        future = client.submit(*gate.call)
        await begun(gate)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not future.done()
        gate.open()
        assert await future == "held"

    play(scenario)
