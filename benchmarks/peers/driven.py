"""How every system is driven: the same measurements for all, made of two calls that each system can do.

In: `many` and `one` of a system. Out: the measurements of a Subject. It must never count the checking of results as the
system's time.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.tasks import echo, noop, spin

WORKERS = 2
Done = Callable[[BaseException | None], None]
_FIRST_TASKS = 200
_MEGABYTE = 1 << 20  # as in benchmarks.subject, which the processes of a system need not import


class Driven(ABC):
    """A Subject by way of three methods."""

    name: str

    def __init__(self, workers: int = WORKERS) -> None:
        self.workers = workers
        self._ends = ExitStack()

    @abstractmethod
    def open(self, ends: ExitStack) -> None:
        """Starts the system; what must be ended again goes onto `ends`, each part as soon as it runs."""

    @abstractmethod
    def many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        """Submits a task for every argument, then waits for all results; returns them in order."""

    @abstractmethod
    def one(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Runs one task and waits for its result."""

    def one_after_other(
        self, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> tuple[list[Any], list[float]]:
        """Runs tasks singly; returns the results and the seconds that each took."""
        results, seconds = [], []
        for argument in arguments:
            begun_s = time.perf_counter()
            results.append(self.one(function, argument))
            seconds.append(time.perf_counter() - begun_s)
        return results, seconds

    def hand_over(self, function: Callable[[Any], Any], argument: Any, done: Done) -> None:
        """Submits one task and does not wait; `done` is called with its error or None, from whichever thread.

        Raises:
            NotImplementedError: nobody drives this system in an open loop.
        """
        raise NotImplementedError(f"{self.name} is driven by waiting for its answers only")

    def cpu_s(self) -> dict[str, float]:
        return {}

    def start(self) -> None:
        try:
            self.open(self._ends)
            self._timed_many(noop, range(_FIRST_TASKS))  # every worker has imported the tasks after that
        except BaseException:
            self.close()
            raise

    def throughput(self, tasks: int) -> float:
        return tasks / self._timed_many(noop, range(tasks))

    def round_trips(self, count: int) -> list[float]:
        results, seconds = self.one_after_other(noop, range(count))
        self._check(results, range(count))
        return seconds

    def efficiency(self, task_s: float, count: int) -> float:
        return task_s * count / self.workers / self._timed_many(spin, [task_s] * count)

    def echo(self, size_bytes: int, count: int) -> float:
        payload = os.urandom(size_bytes)
        taken_s = 0.0
        for _ in range(count):
            results, seconds = self.one_after_other(echo, [payload])
            self._check(results, [payload])
            taken_s += seconds[0]
        return 2 * size_bytes * count / taken_s / _MEGABYTE

    def close(self) -> None:
        self._ends.close()

    def _timed_many(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> float:
        begun_s = time.perf_counter()
        results = self.many(function, arguments)
        taken_s = time.perf_counter() - begun_s
        self._check(results, arguments)
        return taken_s

    def _check(self, results: Sequence[Any], arguments: Sequence[Any]) -> None:
        """Every task returns its argument."""
        if list(results) != list(arguments):
            raise RuntimeError(f"{self.name} returned wrong results")
