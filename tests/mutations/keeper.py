"""Runs a command, and ends all that descends from it: a mutation may make it hang, or leave processes behind.

``python -m tests.mutations.keeper SECONDS COMMAND...``. Exit status: the command's; 124 if the time was up. It must
never end a process that does not descend from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

from tests.support.family import family

TIME_IS_UP = 124
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
_ADDRESS_SPACE_BYTES = 16 << 30  # a mutation may fill the memory
_PASSES = 100  # a process may start another while it is being ended
_PAUSE_S = 0.01


class TimeIsUp(Exception):
    """The alarm has rung, or the runner wants an end."""


def ring(*_: object) -> None:
    """Ends the wait."""
    raise TimeIsUp


def keep(seconds: float, command: list[str]) -> int:
    """Runs the command for at most so long; returns its exit status once nothing is left of it."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # whoever loses a parent becomes a child of this process
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        status = _wait(child.pid)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except TimeIsUp:
        status = TIME_IS_UP
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    end_descendants()
    return status


def _wait(child: int) -> int:
    """Waits for the command, and for whoever else ends before it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def end_descendants() -> None:
    """Kills whatever descends from this process, until there is nothing."""
    for _ in range(_PASSES):
        found = family(os.getpid())[1:]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    sys.exit(keep(float(sys.argv[1]), sys.argv[2:]))
