"""Other `argon` commands as child processes: start one, wait until it is ready, and be rid of it whatever happens.

In: the arguments of the command. Out: a running process and the line it said when it was ready. Signals go only to
processes that were started here, and only while they are known to exist.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, NoReturn

from argon.cli.failures import CommandFailed

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 5.0
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>

# With -P, since a file of the working directory must not replace a module of the standard library.
COMMAND = (sys.executable, "-P", "-m", "argon")


class ChildProcess:
    """A running `argon` command.

    Attributes:
        ready_line: what it printed when it was ready.
    """

    def __init__(self, process: subprocess.Popen[str], errors: IO[str], name: str) -> None:
        self._process = process
        self._errors = errors
        self._name = name
        self.ready_line = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Reads the ready line; raises `CommandFailed` with the child's own words if there is none."""
        assert self._process.stdout is not None
        # A pipe cannot be read with a time limit, but it ends when its writer does.
        guard = threading.Timer(timeout_s, self.kill)
        guard.start()
        try:
            self.ready_line = self._process.stdout.readline().strip()
        finally:
            guard.cancel()
            guard.join()
        if " ready" not in self.ready_line:
            self.stop()
            raise CommandFailed(f"argon {self._name} did not start{self._last_words()}")

    def kill(self) -> None:
        """SIGKILL: no drain, no goodbye."""
        self._process.kill()

    def stop(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """SIGTERM, and SIGKILL if that is not enough. May be called again."""
        try:
            self._process.terminate()
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f": {lines[-1].removeprefix('argon: ')}" if lines else f" (exit status {self._process.returncode})"


@contextmanager
def running(
    arguments: Sequence[str], command: Sequence[str] = COMMAND, environment: Mapping[str, str] | None = None
) -> Iterator[ChildProcess]:
    """An `argon` command that is ready inside the `with`, and gone after it; with these variables set."""
    # A file, not a pipe: nobody reads it while the child runs, and a full pipe would stop the child.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children in order
            preexec_fn=end_with_parent(),
            env={**os.environ, **(environment or {})},
        )
        child = ChildProcess(process, errors, arguments[0])
        try:
            child.wait_ready()
            yield child
        finally:
            child.stop()


def end_with_parent() -> Callable[[], None]:
    """What a child runs before all else, so that the kernel kills it when the parent has been killed."""
    prctl = ctypes.CDLL(None).prctl  # here, since a forked child should do as little as it can
    parent = os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was faster
            os._exit(1)

    return before_exec


@contextmanager
def ended_by_exceptions(*, time_limit_s: float | None = None) -> Iterator[None]:
    """Turns the signals that end a process into exceptions, so that every `finally` runs and no child is left behind.

    They arrive as Ctrl-C does, since that is what event loops know how to end by, and leave as `SystemExit`. With a
    time limit, running longer than that ends in `CommandFailed`.
    """
    ended_by = 0

    def over(number: int, frame: FrameType | None) -> NoReturn:
        raise CommandFailed(f"stopped at the time limit of {time_limit_s:g} seconds")

    def ended(number: int, frame: FrameType | None) -> None:
        nonlocal ended_by
        if not ended_by:  # a second one must not break off the cleaning up that the first began
            ended_by = number
            signal.raise_signal(signal.SIGINT)

    handlers: dict[int, Callable[[int, FrameType | None], None]] = {signal.SIGTERM: ended, signal.SIGHUP: ended}
    if time_limit_s is not None:
        handlers[signal.SIGALRM] = over
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    if time_limit_s is not None:
        signal.setitimer(signal.ITIMER_REAL, time_limit_s)
    try:
        yield
    except KeyboardInterrupt:
        if ended_by:
            raise SystemExit(128 + ended_by) from None
        raise
    finally:
        if time_limit_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def ready_address(line: str) -> str:
    """The address in a ready line.

    >>> ready_address("argon cluster ready at localhost:8000")
    'localhost:8000'
    >>> ready_address("argon node a ready at [::1]:80: 4 workers")
    '[::1]:80'
    """
    return line.partition(" ready at ")[2].split(" ")[0].removesuffix(":")
