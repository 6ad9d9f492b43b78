"""Which nodes are on probation, since they answer and are far slower than the fleet.

In: nodes of which something was measured, that a task on a node has ended, and the time. Out: how far each node is
trusted. It must never choose between nodes, nor count their workers.

A node is an *outlier* when the same kinds of task take ``OUTLIER_RATIO`` times what they take in the fleet: it answers,
so nobody calls it dead, but what is sent there is late. On probation it is assigned one task at a time, and cools down
for ``COOL_DOWN_S`` after each. It is trusted again when that ratio has fallen below ``TRUSTED_RATIO``, or when no other
node is trusted.
"""

from __future__ import annotations

from math import inf
from typing import Final

from argon.scheduling.cluster.node_session import NodeSession, Trust

OUTLIER_RATIO: Final = 10.0
TRUSTED_RATIO: Final = 5.0
COOL_DOWN_S: Final = 1.0


class Probation:
    """The nodes on probation. Whoever calls counts the capacity of a node anew when its trust has changed."""

    def __init__(self) -> None:
        self._nodes: dict[NodeSession, None] = {}
        self._cool_until: dict[NodeSession, float] = {}  # in the order of the moments, since all cool down equally long

    def evaluate(self, node: NodeSession, trusted: int, now: float) -> bool:
        """Puts an outlier on probation, unless no other node is trusted, and takes a node off it that is none any more.

        Args:
            trusted: the capacity of all trusted nodes.

        Returns:
            Whether it was put on probation or taken off it.
        """
        if node.trust == Trust.FULL:
            if not node.times.is_slower_than(OUTLIER_RATIO) or trusted <= node.capacity():
                return False
            self._nodes[node] = None
            node.trust = Trust.PROBATION
            self.cool_down(node, now)
            return True
        if node.times.is_slower_than(TRUSTED_RATIO) and trusted:
            return False
        self.forget(node)
        return True

    def cool_down(self, node: NodeSession, now: float) -> None:
        """Lets a node on probation cool down, since a task there has ended; has no effect on any other."""
        if node.trust == Trust.PROBATION:
            node.trust = Trust.COOL_DOWN
            self._cool_until[node] = now + COOL_DOWN_S

    def end_cool_downs(self, trusted: int, workers: int, now: float) -> list[NodeSession]:
        """Ends the cool-downs whose time has come, or all probation when no node is trusted.

        Args:
            trusted: the capacity of all trusted nodes.
            workers: the capacity of all nodes.

        Returns:
            The nodes whose trust has changed.
        """
        changed: list[NodeSession] = []
        if self._nodes and workers and not trusted:
            changed += self._nodes
            for node in changed:
                self.forget(node)
        while self.next_deadline() <= now:
            node = next(iter(self._cool_until))
            del self._cool_until[node]
            node.trust = Trust.PROBATION
            changed.append(node)
        return changed

    def forget(self, node: NodeSession) -> None:
        """Trusts a node, or lets go of one that is gone."""
        if node.trust != Trust.FULL:
            node.trust = Trust.FULL
            del self._nodes[node]
            self._cool_until.pop(node, None)

    def next_deadline(self) -> float:
        """When the next cool-down ends; infinity for never."""
        return next(iter(self._cool_until.values())) if self._cool_until else inf
