"""ProcessPoolExecutor, of the standard library: one machine only, and what most programs use.

In: functions and arguments. Out: results. Its workers are forked from this process: that is the default of most Pythons
it runs on, and makes it faster than the other ways. So it must be started before this process has threads, and before
it has connections or children that others must not inherit.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks.peers.child import process_cpu_s
from benchmarks.peers.driven import Done, Driven


def _end_with_owner() -> None:
    """Workers of a pool wait for ever when its process was killed; these do not."""
    owner = multiprocessing.parent_process()
    assert owner is not None

    def wait() -> None:
        owner.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class ProcessPoolSubject(Driven):
    """A pool of workers."""

    name = "ProcessPoolExecutor"

    def open(self, ends: ExitStack) -> None:
        before = set(multiprocessing.active_children())
        fork = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(self.workers, fork, initializer=_end_with_owner)
        self._pool = ends.enter_context(pool)
        ends.callback(pool.shutdown, cancel_futures=True)
        self._pool.submit(abs, 0).result()
        self._workers = [child.pid for child in multiprocessing.active_children() if child not in before]

    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        submit = self._pool.submit
        futures = [submit(function, argument) for argument in arguments]
        return [future.result() for future in futures]

    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        return self._pool.submit(function, argument).result()

    def hand_over(self, function: Callable[[Any], Any], argument: Any, done: Done) -> None:
        future = self._pool.submit(function, argument)
        future.add_done_callback(lambda ended: done(None if ended.cancelled() else ended.exception()))

    def cpu_s(self) -> dict[str, float]:
        workers = [pid for pid in self._workers if pid is not None]
        return {"client": time.process_time(), "workers": sum(map(process_cpu_s, workers))}
