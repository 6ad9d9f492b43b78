"""Accepting: from sockets that listen to connections, also where the system has no more descriptors to give.

In: listening sockets, what to make of a connection. Out: connections; one line in the log, now and then, while
there are no descriptors. It must never spin, nor leave a newcomer hanging whom it cannot take: that one is turned away,
and comes again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Sequence
from typing import Final

_ACCEPTED_AT_ONCE: Final = 256  # so that a crowd of new connections delays no open one for long
_TURNED_AWAY_AT_ONCE: Final = 1024
_PAUSE_MIN_S: Final = 0.01
_PAUSE_MAX_S: Final = 1.0
_SAID_AGAIN_AFTER_S: Final = 10.0
_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
log: Final = logging.getLogger("argon.cluster")


class Acceptor:
    """Accepts from all its sockets, which it owns, until it is closed; connections outlive it.

    asyncio's own servers write hundreds of errors a second while descriptors are short.

    Args:
        sockets: they listen.
        make_protocol: called for each connection.
    """

    def __init__(self, sockets: Sequence[socket.socket], make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = tuple(sockets)
        self._make_protocol = make_protocol
        self._entering: set[asyncio.Task[None]] = set()
        self._reserve = _reserve()
        self._pause_s = _PAUSE_MIN_S
        self._resuming: asyncio.TimerHandle | None = None
        self._said_at = float("-inf")
        self._closed = False
        for sock in self._sockets:
            sock.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accepts no more, and closes the sockets."""
        if self._closed:
            return
        self._closed = True
        self._suspend()
        for sock in self._sockets:
            sock.close()
        if self._reserve is not None:
            os.close(self._reserve)

    # ---- called by the loop -------------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        """Takes those who wait at this socket, or as many as may come at once."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, _ = listening.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._give_way(listening, error)
                return  # otherwise nobody waits any more, or somebody left before being taken
            self._pause_s = _PAUSE_MIN_S
            entering = self._loop.create_task(self._enter(sock))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def _enter(self, sock: socket.socket) -> None:
        if self._closed:
            sock.close()
            return
        try:
            sock.setblocking(False)
            await self._loop.connect_accepted_socket(self._make_protocol, sock)
        except OSError as error:  # it has left again
            sock.close()
            log.debug("a connection ended before it was accepted: %s", error)

    # ---- no descriptors -----------------------------------------------------------------------------------------

    def _give_way(self, listening: socket.socket, error: OSError) -> None:
        """Turns away those who wait, and looks again after a pause."""
        now = self._loop.time()
        if now - self._said_at >= _SAID_AGAIN_AFTER_S:
            self._said_at = now
            log.warning("new connections are closed: %s; raise the limit of open files (ulimit -n)", error.strerror)
        if self._reserve is not None:
            os.close(self._reserve)
            _turn_away(listening)
        self._reserve = _reserve()
        self._suspend()
        self._resuming = self._loop.call_later(self._pause_s, self._resume)
        self._pause_s = min(2 * self._pause_s, _PAUSE_MAX_S)

    def _resume(self) -> None:
        self._resuming = None
        for sock in self._sockets:
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _suspend(self) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
            return
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())


def _reserve() -> int | None:
    """A descriptor to have one to give away; None when there is none to be had."""
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _turn_away(listening: socket.socket) -> None:
    for _ in range(_TURNED_AWAY_AT_ONCE):
        try:
            sock, _ = listening.accept()
        except OSError:
            return  # nobody waits any more, or there is still no descriptor
        sock.close()
