"""A command that is the first process of a container, PID 1, whose duties the kernel gives to nobody else.

In: this process, before it has threads or children. Out: a child that goes on in its place, and the first process left
to wait for whatever ends, and to pass signals on; it ends as its child ends. It must never do anything else: for a
first process, signals that it does not handle are lost, and orphans that it does not wait for stay zombies.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

_SI_KERNEL: Final = 0x80  # of a signal from a terminal: the child is in the same group, and gets its own
_FOR_LEADERS_ALONE: Final = signal.SIGHUP  # a terminal that ends tells only the process that leads the session
_OF_THE_PROCESS_ITSELF: Final = {
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
}


def leave_first_process() -> None:
    """Returns in a process that is not PID 1: this one, or a child that takes its place."""
    if os.getpid() != 1:
        return
    waited_for = signal.valid_signals() - _OF_THE_PROCESS_ITSELF
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would not say how the child has ended
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    with suppress(PermissionError):  # it leads a session, so nobody out there has it in a group of theirs
        os.setpgid(0, 0)  # a signal to the whole group reaches the child: passed on too, it would be a second one
    while True:
        arrived = signal.sigwaitinfo(waited_for)
        if arrived.si_signo == signal.SIGCHLD:
            _reap(child)
        elif arrived.si_code != _SI_KERNEL or arrived.si_signo == _FOR_LEADERS_ALONE:
            os.kill(child, arrived.si_signo)


def _reap(child: int) -> None:
    """Waits for all that have ended; ends this process with its child, with the exit code that shells have for that."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
