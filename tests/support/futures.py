"""What comes of a client's futures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from argon.client.client import Client
from tests.support import light_tasks as tasks
from tests.support.in_process import WITHIN_S


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
