"""Servers that must be told their port: a free one is found, and waited for.

In: how to start a server on a port. Out: the running server. It must never use a port that is taken.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.peers.child import Child

_ATTEMPTS = 5
_START_TIMEOUT_S = 15.0
_POLL_S = 0.01


def serving(start: Callable[[int], Child], ends: ExitStack) -> tuple[Child, int]:
    """Starts a server on a free port, and on another if somebody took it meanwhile; returns it and its port.

    Raises:
        RuntimeError: it does not listen.
    """
    for _ in range(_ATTEMPTS):
        port = _free_port()
        with ExitStack() as attempt:
            child = attempt.enter_context(start(port))
            if _listens(child, port):
                ends.push(attempt.pop_all())
                return child, port
    raise RuntimeError("the server does not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(child: Child, port: int) -> bool:
    """A server says nothing when it begins to listen, so it is asked until it answers or ends."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and not child.has_ended():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return not child.has_ended()
        except OSError:
            time.sleep(_POLL_S)
    return False
