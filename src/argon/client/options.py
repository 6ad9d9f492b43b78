"""The options of a task as callers write them, checked.

In: keyword arguments of ``with_options``. Out: a checked ``TaskOptions``. Options never share a call with the
function's own arguments, so that no function's keyword is ever taken.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

from argon.scheduling.task_options import TaskOptions
from argon.settings import Priority, check_count, check_seconds

_RETRIES_MAX = 1_000_000
_RETRIES_BY_DEFAULT = {"wait": None, "raise": 0, "run_here": 0}  # of what ``on_overload`` may be


class Unset(msgspec.Struct):
    """Stands for an option that was not given, where None means something."""


UNSET = Unset()


def changed_options(
    options: TaskOptions,
    *,
    priority: int | Unset = UNSET,
    timeout: float | Unset | None = UNSET,
    retries: int | Unset | None = UNSET,
    idempotent: bool | Unset = UNSET,
    key: object = UNSET,
    on_overload: str | Unset = UNSET,
) -> TaskOptions:
    """The options with those given replaced.

    Args:
        priority: an ``argon.Priority``.
        timeout: seconds from submit to answer, None for ever.
        retries: how often a rejected task is tried again, None for ever, 0 to be rejected at once.
        idempotent: whether the task may run twice, so that it is run again when its node is lost.
        key: tasks with equal keys (compared by ``str()``) go to the same node while it has room; None for any node.
        on_overload: "wait" is another name of ``retries=None``, "raise" one of ``retries=0``; "run_here" runs the task
            in the client's process, by default without a retry.

    Raises:
        ValueError: an option is out of its range; the message says which and what it may be.
    """
    changes: dict[str, Any] = {}
    if not isinstance(priority, Unset):
        if type(priority) not in (int, Priority) or not Priority.MAX <= priority <= Priority.MIN:
            raise ValueError(f"priority must be an argon.Priority, from 0 (MAX) to 4 (MIN), not {priority!r}")
        changes["priority"] = int(priority)
    if not isinstance(timeout, Unset):
        changes["timeout_s"] = None if timeout is None else check_seconds("timeout", timeout)
    if not isinstance(retries, Unset):
        changes["retries"] = None if retries is None else check_count("retries", retries, 0, _RETRIES_MAX)
    if not isinstance(idempotent, Unset):
        if not isinstance(idempotent, bool):
            raise ValueError(f"idempotent must be True or False, not {idempotent!r}")
        changes["idempotent"] = idempotent
    if not isinstance(key, Unset):
        changes["key"] = 0 if key is None else crc32(str(key).encode(errors="surrogatepass")) or 1
    if not isinstance(on_overload, Unset):
        if on_overload not in tuple(_RETRIES_BY_DEFAULT):  # a tuple, since it may be anything
            raise ValueError(f"on_overload must be 'wait', 'raise' or 'run_here', not {on_overload!r}")
        changes["run_here"] = on_overload == "run_here"
        if isinstance(retries, Unset):
            changes["retries"] = _RETRIES_BY_DEFAULT[on_overload]
        elif on_overload != "run_here" and retries != _RETRIES_BY_DEFAULT[on_overload]:
            other = _RETRIES_BY_DEFAULT[on_overload]
            raise ValueError(f"on_overload={on_overload!r} means retries={other}; give only one of the two")
    return TaskOptions(**{**options.fields(), **changes})
