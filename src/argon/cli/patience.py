"""Waiting for tasks as a person wants it: Ctrl-C always works, and a cluster without a node is mentioned.

In: a client. Out: one line on standard error, if after two seconds the cluster has no node. It must never end or
delay what it watches.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import IO, Any, Protocol

from argon.errors import ArgonError

AFTER_S = 2.0
_LOOK_UP_S = 0.5
_READ_BYTES = 1 << 16


class AsksStatus(Protocol):
    """A client, as far as it is needed here."""

    address: str

    def status(self) -> dict[str, Any]: ...


@contextmanager
def nobody_works_noted(client: AsksStatus, after_s: float = AFTER_S) -> Iterator[None]:
    """Watches while the body runs."""
    timer = threading.Timer(after_s, _note, [client])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def awaited(future: Future[Any]) -> Any:
    """The future's value, however long it takes.

    Looks up now and then: a Ctrl-C that comes just before a thread begins to wait is noticed only when it wakes.
    """
    while not future.done():
        wait([future], _LOOK_UP_S)
    return future.result()


def lines_of(file: IO[bytes], unwanted: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """The lines of a file, pipe or terminal, as they come, until it ends or nobody wants them any more.

    Looks up now and then, for the same reason, unless it has no descriptor.
    """
    try:
        descriptor = file.fileno()
    except OSError:
        yield from file
        return
    begun: list[bytes] = []
    while True:
        while not select.select([descriptor], [], [], _LOOK_UP_S)[0]:
            if unwanted():
                return
        data = os.read(descriptor, _READ_BYTES)
        if not data:
            break
        first, *others = data.split(b"\n")
        begun.append(first)
        for other in others:
            yield b"".join(begun) + b"\n"
            begun = [other]
    if any(begun):
        yield b"".join(begun)


def _note(client: AsksStatus) -> None:
    try:
        has_nodes = bool(client.status().get("nodes", True))
    except (ArgonError, RuntimeError):
        return  # the connection has just been lost, or the client closed: whoever waits is told that
    if not has_nodes:
        text = f"argon: waiting, since the cluster has no node; start one with: argon node --cluster {client.address}"
        print(text, file=sys.stderr, flush=True)
