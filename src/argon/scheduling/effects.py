"""What a state machine asks its shell to do. Plain records; the shells in ``roles`` perform them in order.

A peer is an opaque id that the shell chose; a worker is a number that the node's state chose.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from argon.protocol.messages import Assign, Message, Outcome

Peer: TypeAlias = int


class Send(msgspec.Struct, gc=False):
    """Say this to that peer."""

    peer: Peer
    message: Message


class Close(msgspec.Struct):
    """Say Goodbye with this reason, and close the connection once everything said before has left."""

    peer: Peer
    reason: str


class DiscardPayload(msgspec.Struct):
    """Do not keep the payload that this peer has announced."""

    peer: Peer


class Stop(msgspec.Struct):
    """Everything is answered: end the role."""


class Spawn(msgspec.Struct):
    """Start a worker process under this number."""

    worker: int


class Give(msgspec.Struct, gc=False):
    """Hand this task to that worker."""

    worker: int
    assign: Assign


class Recall(msgspec.Struct):
    """Take back what that worker has not begun, and report it."""

    worker: int


class Kill(msgspec.Struct):
    """End that worker's process group: SIGTERM, or SIGKILL when forced."""

    worker: int
    forced: bool


class Retire(msgspec.Struct):
    """Let that worker end by itself: it has nothing left to do."""

    worker: int


class Settle(msgspec.Struct, gc=False):
    """Give this outcome to the caller who waits for that task (a client's own number)."""

    task: int
    outcome: Outcome


class Refused(msgspec.Struct):
    """Tell the caller that this task could not be cancelled: a node has it already."""

    task: int


ClusterEffect: TypeAlias = Send | Close | DiscardPayload | Stop
NodeEffect: TypeAlias = Send | Close | Stop | Spawn | Give | Recall | Kill | Retire
ClientEffect: TypeAlias = Send | Close | Settle | Refused
