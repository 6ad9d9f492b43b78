"""dask.distributed: a LocalCluster of processes with one thread each, its scheduler in this process.

In: functions and arguments. Out: results. It must never take two equal calls for one (`pure=False`).
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from benchmarks.peers.driven import Done, Driven

distributed: Any = import_module("distributed")  # where it is not installed, this still has a type


class DaskSubject(Driven):
    """A local cluster."""

    name = "dask.distributed"

    def open(self, ends: ExitStack) -> None:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True))
        cluster = distributed.LocalCluster(
            n_workers=self.workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            local_directory=folder,
        )
        ends.callback(cluster.close)
        self._client = distributed.Client(cluster)
        ends.callback(self._client.close)
        self._under_way: set[Any] = set()

    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        results: list[Any] = self._client.gather(self._client.map(function, arguments, pure=False))
        return results

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self._client.submit(function, argument, pure=False).result()

    def hand_over(self, function: Callable[[Any], Any], argument: Any, done: Done) -> None:
        future = self._client.submit(function, argument, pure=False)
        self._under_way.add(future)  # dask forgets a task whose future is collected

        def ended(future: Any) -> None:
            self._under_way.discard(future)
            done(None if future.status == "finished" else RuntimeError(future.status))

        future.add_done_callback(ended)
