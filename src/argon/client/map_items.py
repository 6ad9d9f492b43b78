"""What the clients' ``map`` has in common: the arguments of each task, and each value in its time.

In: the iterables, and the futures of the tasks. Out: arguments, values. It must never take more of an iterable than it
is asked for.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator
from itertools import count
from time import monotonic
from typing import Any

from argon.errors import TaskExpired


def arguments_of(iterables: tuple[Iterable[Any], ...]) -> Iterator[tuple[Any, ...]]:
    """What ``map`` gives to each task. When an iterable raises, a note on its exception says at which item."""
    items = zip(*iterables, strict=False)
    for number in count():
        try:
            arguments = next(items)
        except StopIteration:
            return
        except Exception as error:
            error.add_note(f"raised by what was given to map, for item {number}")
            raise
        yield arguments


def result_by(future: concurrent.futures.Future[Any], end: float | None) -> Any:
    """The value of a task; ``TimeoutError`` when it is not there by ``end``, and then the task is cancelled."""
    if end is None:
        return future.result()
    try:
        return future.result(max(0.0, end - monotonic()))
    except TimeoutError as error:
        if not isinstance(error, TaskExpired):
            future.cancel()
        raise
