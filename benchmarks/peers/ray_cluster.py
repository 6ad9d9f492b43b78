"""Ray on this machine: its tasks, and as a subject of their own its actors, which save it the scheduling.

In: functions and arguments. Out: results. It must never report anything home, nor leave its files behind.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from itertools import cycle
from typing import Any, TypeAlias

from benchmarks.peers.driven import Done, Driven
from benchmarks.tasks import echo, noop, spin

Call: TypeAlias = Callable[[Any], Any]

ray: Any = import_module("ray")  # where it is not installed, this still has a type


def _start_ray(ends: ExitStack, workers: int) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
    ends.callback(ray.shutdown)
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=folder,
    )


class RayTasksSubject(Driven):
    """Remote functions, one CPU each."""

    name = "Ray tasks"

    def open(self, ends: ExitStack) -> None:
        _start_ray(ends, self.workers)
        self._remote: dict[Call, Any] = {}

    def many(self, function: Call, arguments: Sequence[Any]) -> list[Any]:
        remote = self._remote_of(function)
        results: list[Any] = ray.get([remote.remote(argument) for argument in arguments])
        return results

    def one(self, function: Call, argument: Any) -> Any:
        return ray.get(self._remote_of(function).remote(argument))

    def hand_over(self, function: Call, argument: Any, done: Done) -> None:
        future = self._remote_of(function).remote(argument).future()
        future.add_done_callback(lambda ended: done(ended.exception()))

    def _remote_of(self, function: Call) -> Any:
        """Ray exports a function once; making it anew for each call would export it each time."""
        if function not in self._remote:
            self._remote[function] = ray.remote(function)
        return self._remote[function]


class _Actor:
    """Calls name a method, so that no function has to be sent with them."""

    def noop(self, x: Any) -> Any:
        return noop(x)

    def spin(self, seconds: float) -> float:
        return spin(seconds)

    def echo(self, x: Any) -> Any:
        return echo(x)


class RayActorsSubject(Driven):
    """Actors, which take the calls in turn."""

    name = "Ray actors"

    def open(self, ends: ExitStack) -> None:
        _start_ray(ends, self.workers)
        actor = ray.remote(num_cpus=1)(_Actor)
        self._actors = cycle([actor.remote() for _ in range(self.workers)])

    def many(self, function: Call, arguments: Sequence[Any]) -> list[Any]:
        results: list[Any] = ray.get([self._submit(function, argument) for argument in arguments])
        return results

    def one(self, function: Call, argument: Any) -> Any:
        return ray.get(self._submit(function, argument))

    def _submit(self, function: Call, argument: Any) -> Any:
        return getattr(next(self._actors), function.__name__).remote(argument)
