"""The proof that nothing ran twice and nothing was left unanswered.

Each task gets a path of its own and creates that file, which must not exist, as its first act. A second entry leaves a
file too, so it is seen even when its answer reaches nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

from argon.errors import MayHaveRun, TaskError
from tests.support.waiting import WITHIN_S, wait_until


def enter(path: str) -> str:
    """A task's first act; returns the path. A task that may run twice counts its entries with ``enter_again``."""
    try:
        _create(path)
    except FileExistsError:
        _create(f"{path}.twice-{os.getpid()}")
        raise
    return path


def enter_again(path: str) -> str:
    """The first act of an idempotent task, which may be entered several times."""
    for attempt in range(10):
        try:
            _create(path if not attempt else f"{path}.again-{attempt}")
        except FileExistsError:
            continue
        return path
    raise FileExistsError(path)


class EntryChecker:
    """What was submitted, what was entered, and whether the answers are honest about it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._others = 0
        self.futures: dict[Path, Future[Any]] = {}

    def path(self) -> Path:
        """A path for a task that another process submits; its answer is that process's."""
        self._others += 1
        return self._folder / f"other-{self._others:05d}"

    def submit(self, submit: Callable[..., Future[Any]], function: Callable[..., Any] | str, *args: Any) -> Future[Any]:
        """Submits ``function(path, *args)`` with the ``submit`` of a client."""
        path = self._folder / f"{len(self.futures):05d}"
        self.futures[path] = future = submit(function, str(path), *args)
        return future

    def submit_many(
        self, submit: Callable[..., Future[Any]], tasks: int, function: Callable[..., Any] | str, *args: Any
    ) -> list[Future[Any]]:
        """Submits as many alike."""
        return [self.submit(submit, function, *args) for _ in range(tasks)]

    def has_entered(self, future: Future[Any]) -> bool:
        """Whether a task was entered."""
        return any(other is future and path.exists() for path, other in self.futures.items())

    def entered(self) -> int:
        """How many tasks were entered."""
        return sum(path.exists() for path in self.futures)

    def entries(self, future: Future[Any]) -> int:
        """How often a task was entered."""
        path = next(path for path, other in self.futures.items() if other is future)
        return path.exists() + len(list(path.parent.glob(f"{path.name}.*")))

    def worker_of(self, future: Future[Any]) -> int:
        """The process in which ``hold_telling_process_id`` runs."""
        path = next(path for path, other in self.futures.items() if other is future)
        return int(Path(f"{path}.pid").read_text())

    def wait_entered(self, *futures: Future[Any]) -> None:
        """Waits until these have been entered."""
        wait_until(lambda: all(self.has_entered(future) for future in futures))

    def close(self, within_s: float = WITHIN_S) -> None:
        """Waits for every answer, and checks each against what the files say."""
        done, unanswered = wait(self.futures.values(), within_s)
        assert not unanswered, f"{len(unanswered)} of {len(done) + len(unanswered)} tasks have no answer"
        assert not list(self._folder.glob("*.twice-*")), "a task ran twice"
        for path, future in self.futures.items():
            self._check(path, future)

    def values(self) -> list[Any]:
        """The values of those that have one."""
        return [future.result() for future in self.futures.values() if _error(future) is None]

    def errors(self) -> list[BaseException]:
        """The exceptions of those that have none."""
        return [error for future in self.futures.values() if (error := _error(future)) is not None]

    @staticmethod
    def _check(path: Path, future: Future[Any]) -> None:
        error = _error(future)
        if error is None:
            assert path.exists(), f"{path.name} has a value, and was not entered"
            result = future.result()
            assert not isinstance(result, str) or not result.startswith("/") or result == str(path), "another's value"
        elif isinstance(error, TaskError):
            assert error.may_have_run != MayHaveRun.NO or not path.exists(), f"{path.name} did run: {error}"
            assert error.may_have_run != MayHaveRun.YES or path.exists(), f"{path.name} did not run: {error}"
        elif not isinstance(error, CancelledError):
            assert path.exists(), f"{path.name} raised, and was not entered: {error}"


def _create(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def _error(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception(0)
    except CancelledError as cancelled:
        return cancelled
