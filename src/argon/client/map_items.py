"""What the clients' ``map`` has in common: the arguments of each task, and each value in its time.

In: the iterables, and the futures of the tasks. Out: arguments, values. It must never take more of an iterable than it
is asked for.
"""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from time import monotonic
from typing import Any


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


def next_result(waiting: deque[concurrent.futures.Future[Any]], end: float | None) -> Any:
    """Takes out the first task when it has its value; ``TimeoutError`` when that is not there by ``end``.

    Until then it stays with the others, so that whoever stops waiting, also by Ctrl-C, cancels it with them.
    """
    value = waiting[0].result(None if end is None else max(0.0, end - monotonic()))
    waiting.popleft()
    return value
