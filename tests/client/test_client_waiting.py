"""Waiting for a client's futures, and what their callbacks may do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from argon.client.client import Client
from tests.support import light_tasks as tasks
from tests.support.futures import in_callback
from tests.support.in_process import WITHIN_S, TaskGate


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
