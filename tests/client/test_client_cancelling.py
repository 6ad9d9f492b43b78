"""Tasks that are cancelled through their future, or by Ctrl-C."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import threading
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from tests.support import light_tasks as tasks
from tests.support.in_process import WITHIN_S, TaskGate, ThreadNetwork, eventually, pid_ended
from tests.support.observed_nodes import worker_pid


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
