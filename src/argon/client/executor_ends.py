"""How executors end that nobody ends: those that are forgotten, and all there are at the interpreter's end.

In: each executor when it is made. Out: at the interpreter's end none has anything left to do, as with
ProcessPoolExecutor; after Ctrl-C none goes on with its tasks. It must never keep an executor alive.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import sys
import weakref
from typing import Protocol

from argon.client.leaving import call_when_forgotten
from argon.client.loop_thread import LoopThread


class _Executor(Protocol):
    def shutdown(self, wait: bool = True) -> None: ...

    def terminate_workers(self) -> None: ...


_EXECUTORS: weakref.WeakSet[_Executor] = weakref.WeakSet()
_THREADS: set[LoopThread] = set()  # also of those that nobody holds any more


def look_after(executor: _Executor, thread: LoopThread) -> None:
    """Ends an executor when it is forgotten and its tasks are done, or at the interpreter's end."""
    _EXECUTORS.add(executor)
    for ended in [other for other in _THREADS.copy() if not other.guards.thread.is_alive()]:
        _THREADS.discard(ended)
    _THREADS.add(thread)
    call_when_forgotten(executor, thread.release)


def is_interrupt(kind: type[BaseException] | None) -> bool:
    """Whether an exception of this class comes from Ctrl-C: also what ``asyncio.run`` makes of it in a coroutine."""
    if kind is None:
        return False
    if issubclass(kind, asyncio.CancelledError):
        runner = getattr(getattr(signal.getsignal(signal.SIGINT), "func", None), "__self__", None)
        return isinstance(runner, asyncio.Runner) and getattr(runner, "_interrupt_count", 0) > 0
    return issubclass(kind, KeyboardInterrupt)


def _end_all() -> None:
    try:
        if _was_interrupted():
            _give_up()
        _wait_for_all()
    except KeyboardInterrupt:
        _give_up()
        _wait_for_all()
        raise


def _wait_for_all() -> None:
    for executor in list(_EXECUTORS):
        executor.shutdown(wait=True)
    for thread in _own_threads():
        thread.guards.thread.join()


def _give_up() -> None:
    """Ends all tasks, also those that run: somebody has pressed Ctrl-C, and waits for the end of the program."""
    for executor in list(_EXECUTORS):
        executor.terminate_workers()
    for thread in _own_threads():
        thread.close()


def _own_threads() -> list[LoopThread]:
    return [thread for thread in _THREADS.copy() if thread.guards.in_own_process()]


def _was_interrupted() -> bool:
    """Whether the program ends by Ctrl-C. In an interactive session it was only the last statement that did."""
    interactive = hasattr(sys, "ps1") or sys.flags.interactive
    return not interactive and getattr(sys, "last_type", None) is KeyboardInterrupt


atexit.register(_end_all)
