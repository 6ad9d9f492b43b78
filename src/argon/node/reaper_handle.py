"""A node's hold on its reaper process.

In: process groups, as they start and end. Out: lines to the reaper, which kills those left when this process is gone.
It must never block on the reaper, nor fail because of it: it is the second line, for what the kernel does not end.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from argon.node import reaper

CLOSE_WITHIN_S = 2.0

# By path, isolated and without site-packages: it starts in milliseconds, and nothing that users install can break it.
_COMMAND = (sys.executable, "-I", "-S", str(Path(reaper.__file__)))


class ReaperHandle:
    """Starts a reaper process and writes to it which groups there are.

    Attributes:
        mark: belongs, followed by a dot and the worker's number, into the variable ``ARGON_WORKER`` of each worker.
    """

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._groups: set[int] = set()
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The reaper's process id."""
        return self._process.pid

    def add(self, group: int) -> None:
        """Adds a process group, which has started."""
        self._groups.add(group)
        self._write_line(f"+{group}\n")

    def remove(self, group: int, worker: int) -> None:
        """Removes the process group of a worker that has ended; what else has its mark is to end too."""
        self._groups.discard(group)
        self._write_line(f"-{group} {worker}\n")

    def close(self) -> None:
        """Ends the reaper, and with it whatever is left of the groups."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write_line(self, line: str) -> None:
        if not _wrote(self._process, line):  # killed, or stopped for long: another takes over the groups
            self._process.kill()  # at the end of its input it would end them
            self.close()
            self._process = self._start()
            _wrote(self._process, "".join(f"+{group}\n" for group in self._groups))

    def _start(self) -> subprocess.Popen[bytes]:
        command = (*_COMMAND, self.mark)
        process = subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process


def _wrote(process: subprocess.Popen[bytes], line: str) -> bool:
    assert process.stdin is not None
    try:
        return process.stdin.write(line.encode("ascii")) == len(line)  # None if its pipe is full
    except BrokenPipeError:
        return False
