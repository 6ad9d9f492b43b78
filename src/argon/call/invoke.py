"""Running a call: a function, or a task class and its ``run``, and what it returns if that must be awaited.

In: a function, its arguments, and how this process waits for an awaitable. Out: the value, or whatever was raised. It
must never catch anything, nor know where it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

_NO_AWAITABLES: Final = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict})  # asking costs time


def invoke(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Callable[[Awaitable[Any]], Any],
) -> Any:
    """Calls a function; a class with a ``run`` method is made with the arguments, and run.

    Args:
        wait_for: returns what an awaitable comes to; called when the function has returned one.
    """
    value = function(*args, **kwargs)
    if isinstance(function, type) and callable(getattr(value, "run", None)):
        value = value.run()
    if type(value) not in _NO_AWAITABLES and isinstance(value, Awaitable):
        return wait_for(value)
    return value
