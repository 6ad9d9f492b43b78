"""How a client ends: closed, forked, or forgotten by its program."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from argon.errors import ConnectionFailed, MayHaveRun, TaskLost
from tests.support import light_tasks as tasks
from tests.support.futures import failure, in_callback
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, ThreadNetwork, eventually


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
