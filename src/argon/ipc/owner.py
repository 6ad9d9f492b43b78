"""What a local cluster and its workers know of the process that owns it.

In, at the owner: what it is like. Out: a descriptor that processes inherit, down to each worker. In, there: the
descriptor. Out: what the owner is like. It must never travel on a command line or in the environment, which what tasks
start would see.
"""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

NOBODY: Final = -1  # in place of a descriptor: the node belongs to no other process


class Owner(msgspec.Struct, frozen=True):
    """What the process is like that owns a local cluster.

    Attributes:
        token: the cluster's.
        options: of the node, by name.
        flags: the options of its interpreter.
        path: its ``sys.path``.
        argv: its ``sys.argv``.
        authkey: the key of its multiprocessing, by which managers and listeners know their children.
        script: a ``call.script_source.ScriptSource`` as msgpack, which only workers read; empty if they must not
            import the owner's script.
    """

    token: str
    options: dict[str, Any]
    flags: list[str]
    path: list[str]
    argv: list[str]
    authkey: bytes
    script: bytes = b""


def share(owner: Owner) -> int:
    """Returns a descriptor, not inherited unless it is passed on, that ``read_owner`` takes."""
    fd = os.memfd_create("argon-owner")
    data = msgspec.msgpack.encode(owner)
    while data:
        data = data[os.write(fd, data) :]
    return fd


def read_owner(fd: int) -> Owner:
    """Reads what was shared. The descriptor stays open, and others may read it at the same time."""
    return msgspec.msgpack.decode(os.pread(fd, os.fstat(fd).st_size, 0), type=Owner)
