"""How long the task that runs here may still take.

In: its deadline, from whoever runs it. Out: what remains, for the task itself and for all that it submits. It must
never cost anything where there is no deadline.

A worker runs one task at a time, so its deadline is the process's, for the threads of the task as well. What a client
runs in its own process runs beside other work, so there it is the thread's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

from argon.scheduling.task_options import TaskOptions

_deadline = inf
_deadline_here: ContextVar[float] = ContextVar("argon_deadline", default=inf)


def time_left() -> float | None:
    """Returns how many seconds are left until the timeout of the task that calls this.

    With it a task can decide whether to begin something long. The tasks that it submits have no more time than this,
    also if their own timeout is longer. The value may be a little too high: the time that the task waited on its node,
    ready to start, is not subtracted.

    Returns:
        The seconds, 0.0 if the timeout has passed; None if the task has no timeout, and outside of tasks.

    Example:
        >>> argon.time_left() is None  # this is no task
        True
    """
    deadline = current_deadline()
    return None if deadline == inf else max(0.0, deadline - monotonic())


def set_deadline(deadline: float) -> None:
    """The task that this process begins now has until this moment on the monotonic clock; infinity for ever, and when
    it ends."""
    global _deadline
    _deadline = deadline


@contextmanager
def deadline_here(deadline: float) -> Iterator[None]:
    """The same for what this thread does within the context."""
    token = _deadline_here.set(deadline)
    try:
        yield
    finally:
        _deadline_here.reset(token)


def current_deadline() -> float:
    """The moment on the monotonic clock at which the task that runs here must have ended; infinity for never."""
    return min(_deadline, _deadline_here.get())


def deadline_of(options: TaskOptions) -> float:
    """The moment on the monotonic clock at which a task submitted now expires: no later than the task that submits
    it."""
    deadline = current_deadline()
    return deadline if options.timeout_s is None else min(deadline, monotonic() + options.timeout_s)
