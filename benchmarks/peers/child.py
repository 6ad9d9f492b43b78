"""Processes of a subject that surely end: each has a keeper, which holds its leash.

In: a command. Out: its lines, its CPU time, its end. The keeper (this file, run as a script) starts the command, and
ends it with all of its group when the owner asks or when the owner is gone, however it went. It must never outlive
either of them, and never print anything.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 30.0
_TERM_PATIENCE_S = 5.0
_END_TIMEOUT_S = _TERM_PATIENCE_S + 5.0


class Child:
    """A command that runs until the `with` block ends or it ends by itself.

    Args:
        command: the program and its arguments; Python programs can import `benchmarks`.
        quiet: throw away what it prints, on both outputs; `line` then finds nothing.
        environment: variables to add to this process's own.
    """

    def __init__(
        self, command: Sequence[str], *, quiet: bool = False, environment: dict[str, str] | None = None
    ) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.command = command
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        )

    def line(self, within_s: float = _START_TIMEOUT_S) -> str:
        """The next line that it prints.

        Raises:
            RuntimeError: it has ended, or it took too long.
        """
        output = self._keeper.stdout
        assert output is not None
        ready, _, _ = select.select([output], [], [], within_s)
        line = output.readline().decode() if ready else ""
        if not line:
            raise RuntimeError(f"{' '.join(self.command)!r} ended, or said nothing for {within_s:g} s; see above")
        return line.rstrip()

    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._keeper.poll() is not None

    def pids(self) -> list[int]:
        """The command's own process first, then its descendants'."""
        found = [self._keeper.pid]
        for pid in found:
            found += _children(pid)
        return found[1:]

    def cpu_s(self) -> float:
        """CPU seconds of all its processes that are alive."""
        return sum(map(process_cpu_s, self.pids()))

    def close(self) -> None:
        """Ends it with all its processes: SIGTERM to the first, and SIGKILL for what is left."""
        keeper = self._keeper
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait(_END_TIMEOUT_S)
        if keeper.stdout is not None:
            keeper.stdout.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def process_cpu_s(pid: int) -> float:
    """CPU seconds that all threads of a process have used, to the nanosecond; 0 for one that is gone."""
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        return 0.0
    try:
        return time.clock_gettime(clock.value)
    except OSError:  # it has ended in between
        return 0.0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        pass
    return found


def keep(command: Sequence[str]) -> int:
    """The keeper: returns once the command and its group have ended, with the exit code."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError:
        return 127
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that the owner sees the end of the command's output
    ended = os.pidfd_open(process.pid)
    ready, _, _ = select.select([sys.stdin, ended], [], [])
    if ended not in ready:
        process.terminate()
        select.select([ended], [], [], _TERM_PATIENCE_S)
    os.killpg(process.pid, signal.SIGKILL)  # it is not waited for yet, so the group's number is still its own
    return process.wait()


if __name__ == "__main__":
    sys.exit(abs(keep(sys.argv[1:])))
