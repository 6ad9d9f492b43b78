"""Callers who always have some tasks under way, while something happens to the network that serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tests.support.entry_checker import EntryChecker
from tests.support.waiting import WITHIN_S, wait_until


class Load:
    """Submits a task whenever an earlier one has ended, from a thread of its own, until its ``with`` ends.

    Args:
        submit: a client's.
        checker: what the tasks are entered in; no other thread may submit by it meanwhile.
        task: what is submitted, and its further arguments.
        under_way: how many tasks at a time.

    Attributes:
        submitted: how many there have been.
    """

    def __init__(
        self, submit: Callable[..., Future[Any]], checker: EntryChecker, *task: Any, under_way: int = 8
    ) -> None:
        self.submitted = 0
        self._submit = submit
        self._checker = checker
        self._task = task
        self._under_way = under_way
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(WITHIN_S)

    def go_on(self, tasks: int) -> None:
        """Waits until so many more tasks have been submitted."""
        enough = self.submitted + tasks
        wait_until(lambda: self.submitted >= enough)

    def _run(self) -> None:
        free = threading.Semaphore(self._under_way)
        while not self._stop.is_set():
            if free.acquire(timeout=0.1):
                future = self._checker.submit(self._submit, *self._task)
                future.add_done_callback(lambda _: free.release())
                self.submitted += 1
