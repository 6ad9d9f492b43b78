"""Sockets that a forked process must not keep: a connection is over when the process that uses it has ended.

In: connected sockets. Out: in each process that is forked from this one, nothing is left of them. It must never touch a
descriptor that has meanwhile become something else.

The other end takes a connection that stands for a process that lives. Without this, a child that was forked before its
parent died would keep the parent's connection open, and its tasks running for nobody.
"""

from __future__ import annotations

import os
import socket
import stat

_inodes: dict[int, int] = {}  # of each socket, by its descriptor


def keep_from_children(sock: socket.socket) -> None:
    """From now on a forked process does not have this socket."""
    descriptor = sock.fileno()
    _inodes[descriptor] = os.fstat(descriptor).st_ino


def let_go(sock: socket.socket) -> None:
    """Ends the connection of a socket that nobody can close, since the loop that owns it is closed."""
    _put_nothing_in_place_of(sock.fileno())


def _let_go_of_all() -> None:
    """In the child."""
    for descriptor in list(_inodes):
        _put_nothing_in_place_of(descriptor)


def _put_nothing_in_place_of(descriptor: int) -> None:
    """Leaves the descriptor itself to whoever will close it."""
    inode = _inodes.pop(descriptor, None)
    try:
        found = os.fstat(descriptor)
    except OSError:  # it was closed
        return
    if found.st_ino == inode and stat.S_ISSOCK(found.st_mode):
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)


os.register_at_fork(after_in_child=_let_go_of_all)
