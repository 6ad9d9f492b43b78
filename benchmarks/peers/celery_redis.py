"""Celery with Redis as broker and as store of the results: what most web services use.

In: functions and arguments. Out: results. `python -m benchmarks.peers.celery_redis PORT` is its worker, with two
processes, for a Redis on that port of this machine. Redis must never write anything to a disk.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from benchmarks.peers import path_of
from benchmarks.peers.child import Child
from benchmarks.peers.driven import WORKERS, Driven
from benchmarks.peers.ports import serving
from benchmarks.tasks import echo, noop, spin

celery: Any = import_module("celery")  # where it is not installed, this still has a type

_TIMEOUT_S = 60.0
_PREFETCH = 64  # jobs that each worker process takes in advance


def application(port: int) -> Any:
    """The same tasks for the client and for the workers."""
    redis = f"redis://127.0.0.1:{port}"
    app = celery.Celery("benchmarks", broker=f"{redis}/0", backend=f"{redis}/1", set_as_current=False)
    app.conf.update(
        task_serializer="pickle",
        result_serializer="pickle",
        accept_content=["pickle"],
        worker_prefetch_multiplier=_PREFETCH,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    for function in (noop, spin, echo):
        app.task(function, name=function.__name__)
    return app


class CelerySubject(Driven):
    """A Redis server and a worker of two processes; the client runs in this process."""

    name = "Celery + Redis"

    def open(self, ends: ExitStack) -> None:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="celery-"))
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        self._redis, port = serving(
            lambda port: Child([path_of("redis-server"), "--port", str(port), *options], quiet=True),
            ends,
        )
        self._app = application(port)
        ends.callback(self._app.close)
        command = [sys.executable, "-m", "benchmarks.peers.celery_redis", str(port)]
        self._worker = ends.enter_context(Child(command, quiet=True, environment={"C_FORCE_ROOT": "1"}))

    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        submit = self._app.tasks[function.__name__].delay
        return [pending.get(timeout=_TIMEOUT_S) for pending in [submit(argument) for argument in arguments]]

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return self._app.tasks[function.__name__].delay(argument).get(timeout=_TIMEOUT_S)

    def cpu_s(self) -> dict[str, float]:
        return {"cluster": self._redis.cpu_s(), "client": time.process_time(), "workers": self._worker.cpu_s()}


def serve(port: int) -> None:
    """The worker, without what it would say to other workers."""
    silent = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    application(port).worker_main(["worker", "--concurrency", str(WORKERS), *silent])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
