"""The client API with threads outside, on a real network: how it connects, how a task ends, and what it tells."""

from __future__ import annotations

import pickle
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from argon.client import client as client_module
from argon.client.client import Client
from argon.errors import (
    AddressInvalid,
    ArgumentNotSerializable,
    AuthenticationFailed,
    ConnectionFailed,
    MayHaveRun,
    RemoteError,
    TokenInvalid,
    UnknownFunction,
    WorkerDied,
)
from argon.net.security import make_token
from tests.support import light_tasks as tasks
from tests.support.futures import failure
from tests.support.in_process import (
    TOKEN,
    WITHIN_S,
    TaskGate,
    ThreadNetwork,
    eventually,
    free_port,
    make_cluster,
    serving,
)

# ---- connecting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["localhost", "http://localhost:8000", "::1:8000", "localhost:70000", ""])
def test_address_of_another_form_is_an_error(address: str) -> None:
    with pytest.raises(AddressInvalid, match=r"host:port|0 to 65535"):
        Client(address, token=TOKEN)


def test_nobody_there_is_told_with_what_to_do_and_no_thread_stays() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionFailed, match=f"no Argon cluster at {address} .*; start one with: argon cluster"):
        Client(address, token=TOKEN, connect_timeout=None)
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


@pytest.mark.parametrize("value", [0, -1, nan, inf, "10", True])
def test_connect_timeout_that_is_no_number_of_seconds_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="connect_timeout must be a positive number of seconds"):
        Client("localhost:1", token=TOKEN, connect_timeout=value)


# ---- tasks ---------------------------------------------------------------------------------------------------------


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
        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.letters = (letter for letter in text)

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


# ---- status and explanations ---------------------------------------------------------------------------------------


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


def test_ctrl_c_before_a_task_is_handed_over_disturbs_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client._thread, "submit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.run(tasks.identity, 1)
    assert client.run(tasks.identity, 2) == 2
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.replaces_parts
def test_id_in_an_error_is_of_the_connection_on_which_the_task_ended(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = client._thread.shell
    wait = client_module._Call.wait
    ended_in = shell.session

    def wake_late(call: Any) -> Any:
        answer = wait(call)
        shell.session += 1  # as if the client had connected again before the waiting thread woke
        return answer

    monkeypatch.setattr(client_module._Call, "wait", wake_late)
    with pytest.raises(WorkerDied) as caught:
        client.run(tasks.leave, 3)
    assert caught.value.task_id.startswith(f"{ended_in}.")


def test_status_without_a_connection_says_so() -> None:
    with serving(make_cluster(host="127.0.0.1")) as cluster:
        client = Client(cluster.address, token=TOKEN)
        cluster.shutdown()
        assert cluster.wait(WITHIN_S)
        eventually(lambda: client._thread.shell._channel is None)
        with pytest.raises(ConnectionFailed, match="there is no connection"):
            client.status()
        client.close()
