"""The client API with threads outside, on a real network: every option, every end of a task, every misuse."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.client.task_future import TaskFuture
from argon.errors import (
    AddressInvalid,
    ArgumentNotSerializable,
    AuthenticationFailed,
    ConnectionFailed,
    MayHaveRun,
    Rejected,
    RejectReason,
    RemoteError,
    TaskExpired,
    TaskLost,
    TokenInvalid,
    UnknownFunction,
    WorkerDied,
)
from argon.net.security import make_token
from argon.settings import Priority
from tests.support import light_tasks as tasks
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    Serving,
    TaskGate,
    ThreadNetwork,
    cut,
    eventually,
    free_port,
    lines,
    make_cluster,
    make_node,
    network,
    pid_ended,
    serving,
    wait_until_free,
)


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    """One worker, so that what waits and what runs is known."""
    with network() as net:
        yield net


@pytest.fixture
def client(net: ThreadNetwork) -> Iterator[Client]:
    with net.client() as client:
        yield client
    with net.client() as watcher:  # nothing of this test is left when the next begins
        eventually(lambda: not any(watcher.status()[name] for name in ("in_flight", "queue_length")))


def worker_pid(net: ThreadNetwork) -> int:
    assert net.node._pool is not None
    (pid,) = net.node._pool.pids().values()
    return pid


def failure(future: Future[Any]) -> BaseException:
    error = future.exception(WITHIN_S)
    assert error is not None
    return error


def in_callback(client: Client, act: Callable[[], Any]) -> Any:
    """What comes of doing this in a future's callback, on the thread that brings the answers."""
    came: Future[Any] = Future()

    def call(_: Future[Any]) -> None:
        try:
            came.set_result(act())
        except Exception as error:  # noqa: BLE001 - the test sees it
            came.set_exception(error)

    client.submit(tasks.pid).add_done_callback(call)
    return came.result(WITHIN_S)


# ---- connecting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["localhost", "http://localhost:8000", "::1:8000", "localhost:70000", ""])
def test_address_of_another_form_is_an_error(address: str) -> None:
    with pytest.raises(AddressInvalid, match=r"host:port|0 to 65535"):
        Client(address, token=TOKEN)


def test_nobody_there_is_told_with_what_to_do_and_no_thread_stays() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionFailed, match=f"no Argon cluster at {address} .*; start one with: argon cluster"):
        Client(address, token=TOKEN)
    assert "argon-client" not in [thread.name for thread in threading.enumerate()]


def test_token_must_be_the_clusters(net: ThreadNetwork) -> None:
    with pytest.raises(AuthenticationFailed, match="the token is not that of the cluster"):
        Client(net.address, token=make_token())
    with pytest.raises(TokenInvalid, match="the token given is empty"):
        Client(net.address, token="")


def test_token_is_found_in_the_environment(net: ThreadNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_TOKEN", TOKEN)
    with Client(net.address) as client:
        assert client.run(tasks.identity, 1) == 1


def test_connect_timeout_is_how_long_the_first_connection_may_take() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionFailed, match=r"within 0\.05 s"):
            Client(address, token=TOKEN, connect_timeout=0.05)


@pytest.mark.parametrize("value", [0, -1, nan, inf, "10", None, True])
def test_connect_timeout_that_is_no_number_of_seconds_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="connect_timeout must be a positive number of seconds"):
        Client("localhost:1", token=TOKEN, connect_timeout=value)


# ---- tasks -------------------------------------------------------------------------------------------------------


def test_run_gives_the_value_and_takes_every_keyword_of_the_function(client: Client) -> None:
    options = {"timeout": 1, "priority": 2, "self": 3, "function": 4, "key": 5, "retries": 6}
    assert client.run(tasks.take, 1, 2, **options) == ((1, 2), options)


def test_function_may_be_given_by_name_or_be_a_lambda(client: Client) -> None:
    assert client.run("os:getppid") > 0
    factor = 3
    assert client.run(lambda value: value * factor, 14) == 42


def test_submit_gives_a_future_of_the_standard_library(client: Client) -> None:
    future = client.submit(tasks.identity, 1)
    assert isinstance(future, Future)
    assert future.result(WITHIN_S) == 1
    assert future.done()
    assert not future.running()
    assert not future.cancelled()
    assert future.exception() is None


def test_tasks_from_many_threads_all_come_back(client: Client) -> None:
    results: dict[int, list[int]] = {}

    def work(number: int) -> None:
        futures = [client.submit(tasks.identity, number * 1000 + n) for n in range(100)]
        results[number] = [future.result(WITHIN_S) for future in futures]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number * 1000 + n for n in range(100)] for number in range(8)}


def test_exception_of_the_task_is_raised_as_itself_with_its_traceback(client: Client) -> None:
    with pytest.raises(ZeroDivisionError, match="by hand") as caught:
        client.run(tasks.fail, ZeroDivisionError, "by hand")
    assert "in fail" in str(caught.value.__cause__)


def test_unknown_function_names_what_is_close_and_never_ran(net: ThreadNetwork, client: Client) -> None:
    with pytest.raises(UnknownFunction, match="identity") as caught:
        client.run("tests.support.light_tasks:identitty")
    assert caught.value.node == net.node.name
    assert caught.value.may_have_run is MayHaveRun.NO


def test_argument_that_cannot_travel_is_told_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(ArgumentNotSerializable, match=r"args\[1\]\['db'\]") as caught:
        client.submit(tasks.take, 1, {"db": threading.Lock()})
    assert caught.value.path.startswith("args[1]['db']")


def test_exception_that_cannot_travel_is_told_with_its_data(net: ThreadNetwork, client: Client) -> None:
    class Local(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("not me")

    with pytest.raises(RemoteError, match="Local: text") as caught:
        client.run(lambda: tasks.fail(Local, "text"))
    error = caught.value
    assert (error.node, error.attempt, error.may_have_run) == (net.node.name, 1, MayHaveRun.YES)
    assert error.run_s > 0
    assert pickle.loads(pickle.dumps(error)).remote_message == "text"


@pytest.mark.parametrize(
    ("call", "died", "code"),
    [((tasks.die, signal.SIGKILL), 9, 0), ((tasks.die, signal.SIGSEGV), 11, 0), ((tasks.leave, 3), 0, 3)],
)
def test_death_of_the_worker_is_told_with_its_data(
    net: ThreadNetwork, client: Client, call: Any, died: int, code: int
) -> None:
    error = failure(client.submit(*call))
    assert isinstance(error, WorkerDied)
    assert (error.signal, error.exit_code, error.oom) == (died, code, False)
    assert (error.node, error.attempt, error.may_have_run) == (net.node.name, 1, MayHaveRun.YES)
    assert client.run(tasks.identity, 1) == 1


def test_times_in_an_exception_are_those_of_the_task(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    client.submit(*gate.call)
    gate.wait()
    behind = client.submit(tasks.leave, 3)
    eventually(lambda: client.status()["oldest_wait_s"] > 0.05)
    gate.open()
    error = failure(behind)
    assert isinstance(error, WorkerDied)
    assert error.queued_s > 0.05
    assert 0 < error.run_s < error.queued_s + 5


# ---- options -----------------------------------------------------------------------------------------------------


def test_priority_is_the_order_in_which_one_worker_takes_them(tmp_path: Path, client: Client) -> None:
    gate, path = TaskGate(tmp_path), tmp_path / "order"
    client.submit(*gate.call)
    gate.wait()
    futures = [
        client.with_options(priority=priority).submit(tasks.note, str(path), f"{priority.name}-{n}")
        for n in range(2)
        for priority in sorted(Priority, reverse=True)
    ]
    eventually(lambda: client.status()["queue_length"] + client.status()["in_flight"] == 11)
    gate.open()
    concurrent.futures.wait(futures)
    assert lines(path) == [f"{priority.name}-{n}" for priority in sorted(Priority) for n in range(2)]


def test_timeout_kills_a_task_that_runs_on(tmp_path: Path, net: ThreadNetwork, client: Client) -> None:
    client.run(tasks.pid)
    gate = TaskGate(tmp_path)
    future = client.with_options(timeout=0.3).submit(*gate.call)
    gate.wait()
    pid = worker_pid(net)
    error = failure(future)
    assert isinstance(error, TaskExpired)
    assert isinstance(error, TimeoutError)
    assert (error.node, error.attempt, error.may_have_run) == (net.node.name, 1, MayHaveRun.YES)
    assert error.run_s > 0.1
    eventually(lambda: pid_ended(pid))


def test_timeout_ends_a_task_that_waits_and_it_never_runs(tmp_path: Path, client: Client) -> None:
    gate, path = TaskGate(tmp_path), tmp_path / "ran"
    held = client.submit(*gate.call)
    gate.wait()
    error = failure(client.with_options(timeout=0.1).submit(tasks.note, str(path), "ran"))
    assert isinstance(error, TaskExpired | Rejected)
    assert error.may_have_run is MayHaveRun.NO
    gate.open()
    held.result()
    client.run(tasks.pid)
    assert not path.exists()


def test_retries_zero_raises_the_rejection_at_once(tmp_path: Path) -> None:
    with network(queue_limit=1) as net, net.client() as client, net.client() as other:
        gate = TaskGate(tmp_path)
        client.submit(*gate.call)
        gate.wait()
        client.submit(tasks.pid)
        eventually(lambda: client.status()["queue_length"] == 1)
        before = client.status()["counters"]["rejected"]
        error = failure(other.with_options(retries=0).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert error.reason is RejectReason.QUEUE_FULL
        assert error.retry_after > 0
        error = failure(other.with_options(retries=2).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert client.status()["counters"]["rejected"] == before + 4
        forever = other.submit(tasks.pid)
        eventually(lambda: client.status()["counters"]["rejected"] > before + 5)
        gate.open()
        assert forever.result(WITHIN_S)


def test_rejected_task_that_cannot_be_tried_again_in_time_is_told_so(tmp_path: Path) -> None:
    with serving(make_cluster()) as cluster, Client(cluster.address, token=TOKEN) as client:
        error = failure(client.with_options(timeout=0.2).submit(tasks.pid))
        assert isinstance(error, Rejected)
        assert error.reason is RejectReason.NO_NODES


def test_idempotent_task_is_run_again_after_a_lost_connection_and_another_is_lost(
    tmp_path: Path, net: ThreadNetwork
) -> None:
    with net.client() as client:
        gate, path = TaskGate(tmp_path), tmp_path / "ran"
        first = client.submit(*gate.call)
        gate.wait()
        again = client.with_options(idempotent=True).submit(tasks.note, str(path), "ran")
        eventually(lambda: again.running())
        cut(net.cluster)
        error = failure(first)
        assert isinstance(error, TaskLost)
        assert error.may_have_run is MayHaveRun.UNKNOWN
        assert again.result(WITHIN_S) == "ran"


def test_cluster_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    first = make_cluster(host="127.0.0.1", port=port)
    thread = Serving(first)
    with serving(make_node(manager=first.address)), Client(first.address, token=TOKEN) as client:
        gate = TaskGate(tmp_path)
        lost = client.submit(*gate.call)
        gate.wait()
        first.shutdown()
        thread.join()
        assert isinstance(failure(lost), TaskLost)
        wait_until_free(port)
        submitted_between = client.submit(tasks.identity, 1)
        with serving(make_cluster(host="127.0.0.1", port=port)):
            assert submitted_between.result(WITHIN_S) == 1


def test_equal_keys_go_to_one_node_while_it_has_room() -> None:
    with network(workers=2) as net, serving(make_node(manager=net.address, workers=2)), net.client() as client:
        eventually(lambda: client.status()["workers"] == 4)
        assert net.node._pool is not None
        ours = set(net.node._pool.pids().values())
        for key in range(4):
            pids = {client.with_options(key=key).run(tasks.pid) for _ in range(10)}
            assert pids <= ours or not pids & ours


def test_options_are_a_view_that_shares_the_connection_and_leaves_the_client_as_it_was(client: Client) -> None:
    hasty = client.with_options(timeout=0.05)
    assert isinstance(failure(hasty.submit("time:sleep", 60)), TaskExpired)
    assert hasty.with_options(timeout=None).run(tasks.identity, 1) == 1
    assert client.run(tasks.identity, 1) == 1
    assert client.status()["clients"] == 1


def test_option_out_of_range_is_an_error(client: Client) -> None:
    with pytest.raises(ValueError, match="priority"):
        client.with_options(priority=5)


# ---- map ---------------------------------------------------------------------------------------------------------


def test_map_gives_values_in_order_over_several_iterables(client: Client) -> None:
    assert list(client.map(pow, range(300), itertools.repeat(2))) == [n * n for n in range(300)]
    assert list(client.map(tasks.identity, [])) == []
    assert list(client.map(tasks.take, [1, 2, 3], "ab")) == [((1, "a"), {}), ((2, "b"), {})]


def test_map_takes_no_more_of_a_million_items_than_its_window(client: Client) -> None:
    taken = itertools.count()
    items = (next(taken) for _ in range(1_000_000))
    with contextlib.closing(client.map(tasks.identity, items)) as values:
        assert next(taken) == 0
        for n, value in enumerate(itertools.islice(values, 500), start=1):
            assert value == n
    assert 500 < next(taken) < 5_000  # the window follows the credits, hundreds here


def test_map_does_not_reject_itself(net: ThreadNetwork, client: Client) -> None:
    before = client.status()["counters"]["rejected"]
    assert sum(1 for _ in client.map(tasks.identity, range(2000))) == 2000
    assert client.status()["counters"]["rejected"] == before


def test_map_raises_a_tasks_exception_in_its_place(client: Client) -> None:
    values = client.map(divmod, [6, 7, 8], [3, 0, 2])
    assert next(values) == (2, 0)
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_map_over_a_generator_that_raises_says_at_which_item_and_cancels_the_rest(
    tmp_path: Path, client: Client
) -> None:
    gate = TaskGate(tmp_path)

    def calls() -> Iterator[str]:
        yield gate.call[1]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more") as caught:
        list(client.map(gate.call[0], calls(), [gate.call[2]] * 5))
    assert caught.value.__notes__ == ["raised by what was given to map, for item 1"]
    eventually(lambda: client.status()["in_flight"] == 0)
    assert client.run(tasks.identity, 1) == 1


def test_map_closed_early_cancels_what_is_under_way(tmp_path: Path, client: Client) -> None:
    gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(3)]
    gates[0].open()
    values = client.map(gates[0].call[0], [gate.call[1] for gate in gates], [gate.call[2] for gate in gates])
    assert next(values) == "held"
    gates[1].wait()
    values.close()  # type: ignore[attr-defined]
    eventually(lambda: client.status()["in_flight"] + client.status()["queue_length"] == 0)


def test_map_that_is_interrupted_cancels_also_the_task_that_it_waits_for(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = TaskGate(tmp_path)
    values = client.map(gate.call[0], [gate.call[1]], [gate.call[2]])

    def interrupted(self: TaskFuture, timeout: float | None = None) -> None:
        gate.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(TaskFuture, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(values)
    monkeypatch.undo()
    eventually(lambda: client.status()["in_flight"] == 0)


def test_map_timeout_covers_the_whole_and_cancels_the_rest(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    values = client.map(gate.call[0], [gate.call[1]], [gate.call[2]], timeout=0.1)
    with pytest.raises(TimeoutError):
        next(values)
    eventually(lambda: client.status()["in_flight"] == 0)


def test_map_goes_through_the_options_of_its_view(client: Client) -> None:
    with pytest.raises(TaskExpired):
        list(client.with_options(timeout=0.05).map("time:sleep", [60]))


# ---- cancelling --------------------------------------------------------------------------------------------------


def test_cancel_of_a_running_task_kills_it(tmp_path: Path, net: ThreadNetwork, client: Client) -> None:
    gate = TaskGate(tmp_path)
    future = client.submit(*gate.call)
    gate.wait()
    pid = worker_pid(net)
    assert future.running()
    assert future.cancel()
    assert future.cancelled()
    with pytest.raises(CancelledError):
        future.result()
    eventually(lambda: pid_ended(pid))
    assert client.run(tasks.pid) != pid


def test_cancel_of_a_queued_task_keeps_it_from_running(tmp_path: Path, client: Client) -> None:
    gate, path = TaskGate(tmp_path), tmp_path / "ran"
    held = client.submit(*gate.call)
    gate.wait()
    future = client.submit(tasks.note, str(path), "ran")
    assert future.cancel()
    eventually(lambda: client.status()["in_flight"] + client.status()["queue_length"] == 1)
    gate.open()
    assert held.result(WITHIN_S) == "held"
    client.run(tasks.pid)
    assert not path.exists()


def test_cancel_twice_and_from_many_threads_is_one_cancel(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    future = client.submit(*gate.call)
    gate.wait()
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(future.cancel())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert future.cancel()


def test_cancel_of_a_done_task_says_no(client: Client) -> None:
    future = client.submit(tasks.identity, 1)
    assert future.result() == 1
    assert not future.cancel()
    assert future.result() == 1


def test_cancelled_future_is_seen_by_those_who_wait_for_several(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    future = client.submit(*gate.call)
    gate.wait()
    waiter = threading.Thread(target=lambda: concurrent.futures.wait([future]))
    waiter.start()
    future.cancel()
    waiter.join(WITHIN_S)
    assert not waiter.is_alive()


def test_cancel_from_a_callback_works(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    cancelled: Future[bool] = Future()
    client.submit(tasks.pid).add_done_callback(lambda _: cancelled.set_result(held.cancel()))
    held = client.submit(*gate.call)
    assert cancelled.result(WITHIN_S)
    assert held.cancelled()
    assert client.run(tasks.identity, 1) == 1


def test_ctrl_c_in_run_ends_the_task_that_nobody_waits_for_any_more(
    tmp_path: Path, net: ThreadNetwork, client: Client
) -> None:
    gate = TaskGate(tmp_path)
    pid = worker_pid(net)

    def press() -> None:
        gate.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        client.run(*gate.call)
    eventually(lambda: pid_ended(pid))


def test_ctrl_c_at_the_beginning_of_run_ends_the_task_too(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = TaskGate(tmp_path)
    submit = client._thread.submit

    def interrupted(*args: Any) -> None:
        submit(*args)
        gate.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(client._thread, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.run(*gate.call)
    eventually(lambda: not client.status()["in_flight"])


# ---- waiting -----------------------------------------------------------------------------------------------------


def test_result_that_takes_too_long_is_a_timeout_and_the_task_goes_on(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    future = client.submit(*gate.call)
    gate.wait()
    for wait in (future.result, future.exception):
        with pytest.raises(TimeoutError):
            wait(0.01)
    gate.open()
    assert future.result(WITHIN_S) == "held"


@pytest.mark.parametrize("wait", ["result", "exception", "run", "map", "status"])
def test_waiting_in_a_callback_is_an_error(tmp_path: Path, client: Client, wait: str) -> None:
    gate = TaskGate(tmp_path)
    gate.open()
    acts: dict[str, Callable[[], Any]] = {
        "result": lambda: client.submit(*gate.call).result(),
        "exception": lambda: client.submit(*gate.call).exception(),
        "run": lambda: client.run(tasks.pid),
        "map": lambda: list(client.map(tasks.identity, [1])),
        "status": client.status,
    }
    with pytest.raises(RuntimeError, match="a callback must not wait"):
        in_callback(client, acts[wait])


def test_callback_may_submit_and_read_what_is_done(client: Client) -> None:
    done = client.submit(tasks.identity, 1)
    done.result()
    assert in_callback(client, done.result) == 1
    assert in_callback(client, lambda: client.submit(tasks.identity, 2)).result(WITHIN_S) == 2


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_callback_that_raises_hurts_nobody(client: Client, kind: type[BaseException]) -> None:
    def callback(_: Future[Any]) -> None:
        raise kind("in a callback")

    futures = [client.submit(tasks.identity, n) for n in range(3)]
    for future in futures:
        future.add_done_callback(callback)
    assert [future.result(WITHIN_S) for future in futures] == [0, 1, 2]
    assert client.run(tasks.identity, 3) == 3


# ---- the end -----------------------------------------------------------------------------------------------------


def test_close_answers_what_is_pending_and_ends_the_task_in_the_cluster(tmp_path: Path, net: ThreadNetwork) -> None:
    client = net.client()
    gate = TaskGate(tmp_path)
    running = client.submit(*gate.call)
    gate.wait()
    client.close()
    client.close()
    error = failure(running)
    assert isinstance(error, TaskLost)
    assert error.may_have_run is MayHaveRun.UNKNOWN
    assert "the client was closed" in str(error)
    with net.client() as other:
        eventually(lambda: other.status()["in_flight"] == 0)


def test_closed_client_raises_for_everything_with_one_sentence(net: ThreadNetwork) -> None:
    client = net.client()
    client.close()
    uses: list[Callable[[], Any]] = [
        lambda: client.submit(tasks.pid),
        lambda: client.run(tasks.pid),
        lambda: list(client.map(tasks.identity, [1])),
        lambda: client.with_options(timeout=1).run(tasks.pid),
        client.status,
    ]
    for use in uses:
        with pytest.raises(ConnectionFailed, match="this client is closed; create a new one"):
            use()


def test_close_from_a_callback_does_not_wait_for_itself(net: ThreadNetwork) -> None:
    client = net.client()
    in_callback(client, client.close)
    client._thread.guards.thread.join(WITHIN_S)
    assert not client._thread.guards.thread.is_alive()


def test_task_handed_over_while_the_client_is_closed_is_answered(net: ThreadNetwork) -> None:
    class ClosingFirst(deque[Any]):
        def append(self, item: Any) -> None:
            client.close()
            super().append(item)

    client = net.client()
    client._thread._submissions._tasks = ClosingFirst()
    error = failure(client.submit(tasks.pid))
    assert isinstance(error, TaskLost)
    assert error.may_have_run is MayHaveRun.NO


def test_tasks_from_many_threads_are_answered_though_the_client_is_closed_among_them(net: ThreadNetwork) -> None:
    client = net.client()
    futures: list[Future[Any]] = []
    begun = threading.Event()

    def work() -> None:
        with contextlib.suppress(ConnectionFailed):
            while True:
                futures.append(client.submit(tasks.identity, 1))
                begun.set()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    client.close()
    for thread in threads:
        thread.join()
    _, unanswered = concurrent.futures.wait(futures, WITHIN_S)
    assert not unanswered


def test_forked_process_gets_an_error_and_the_parent_is_unharmed(tmp_path: Path, client: Client) -> None:
    gate = TaskGate(tmp_path)
    pending = client.submit(*gate.call)
    gate.wait()
    uses: list[Callable[[], Any]] = [
        lambda: client.submit(tasks.pid),
        lambda: client.run(tasks.pid),
        client.status,
        pending.result,
        pending.exception,
        pending.cancel,
    ]
    errors = tmp_path / "errors"
    child = os.fork()
    if child == 0:
        try:
            texts = []
            for use in uses:
                try:
                    use()
                except RuntimeError as error:
                    texts.append(str(error))
            client.close()
            errors.write_text("\n".join(texts))
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    text = f"this client was created in process {os.getpid()}, and this is process {child}; create one after the fork"
    assert errors.read_text().splitlines() == [text] * len(uses)
    gate.open()
    assert pending.result(WITHIN_S) == "held"


def test_status_has_the_clusters_numbers(net: ThreadNetwork, client: Client) -> None:
    numbers = client.status()
    assert [node["name"] for node in numbers["nodes"]] == [net.node.name]
    assert numbers["queue_limit"] == 128


def test_explain_tells_what_became_of_a_task(net: ThreadNetwork, client: Client, tmp_path: Path) -> None:
    gate = TaskGate(tmp_path)
    future = client.submit(*gate.call)
    gate.wait()
    known = client.explain(future.task_id)
    assert (known["task"], known["state"]) == (future.task_id, "assigned")
    assert known["attempts"][0]["node"] == net.node.name
    gate.open()
    assert future.result() == "held"
    with net.client() as other:
        assert other.explain(future.task_id)["state"] == "completed"


def test_explain_of_what_is_no_id_or_nobodys(client: Client) -> None:
    assert client.explain("999999.1")["state"] == "unknown"
    with pytest.raises(ValueError, match=r"SESSION\.SEQUENCE"):
        client.explain("seventeen")


@pytest.mark.parametrize(
    "call", [Client.run, lambda client, *call: client.submit(*call).result()], ids=["run", "submit"]
)
def test_error_of_a_task_says_under_which_id_it_is_explained(client: Client, call: Callable[..., Any]) -> None:
    with pytest.raises(WorkerDied) as caught:
        call(client, tasks.leave, 3)
    error = pickle.loads(pickle.dumps(caught.value))
    assert client.explain(error.task_id)["state"] == "failed"


def test_status_without_a_connection_says_so() -> None:
    with serving(make_cluster(host="127.0.0.1")) as cluster:
        client = Client(cluster.address, token=TOKEN)
        cluster.shutdown()
        assert cluster.wait(WITHIN_S)
        eventually(lambda: client._thread.shell._channel is None)
        with pytest.raises(ConnectionFailed, match="there is no connection"):
            client.status()
        client.close()


def test_program_that_forgets_to_close_ends_by_itself(net: ThreadNetwork) -> None:
    program = (
        "import argon\n"
        f"client = argon.Client({net.address!r}, token={TOKEN!r})\n"
        "print(client.run(len, 'four'), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")
