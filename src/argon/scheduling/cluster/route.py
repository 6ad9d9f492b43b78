"""Where a task goes, and why: what the router has chosen.

In: its choice. Out: a record, for the state machine that assigns the task and for the decision log. It must never
choose.
"""

from __future__ import annotations

from typing import Final

from argon.record import Record
from argon.scheduling.cluster.node_session import NodeSession


class Choice:
    """Why a task went to its node."""

    FREE: Final = 0  # the least predicted finish among those with a free worker
    PREFETCHED: Final = 1  # no worker was free, and it is short
    KEY: Final = 2  # the node of its key
    SPILLED: Final = 3  # the node of its key had no room
    FASTER: Final = 4  # a worker was free, but it is done sooner where it waits a moment


class Route(Record):
    """Where a task goes.

    Attributes:
        node: the chosen one.
        why: a ``Choice``.
        free_nodes: how many nodes had a free worker.
        runner_up: the next best of them, None if there was none or none was compared.
        runner_up_s: what the task was predicted to take there, the way included.
    """

    __slots__ = ("node", "why", "free_nodes", "runner_up", "runner_up_s")

    def __init__(
        self,
        node: NodeSession,
        why: int,
        free_nodes: int,
        runner_up: NodeSession | None = None,
        runner_up_s: float = 0.0,
    ) -> None:
        self.node = node
        self.why = why
        self.free_nodes = free_nodes
        self.runner_up = runner_up
        self.runner_up_s = runner_up_s
