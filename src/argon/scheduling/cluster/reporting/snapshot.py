"""Numbers for people: what ``argon status`` shows. Built by a state on request, and never read back by one."""

from __future__ import annotations

import msgspec

from argon.scheduling.cluster.membership import Membership
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.reporting.counters import TaskCounters
from argon.scheduling.cluster.reporting.decision_log import Decisions
from argon.settings import ClusterSettings


class NodeNumbers(msgspec.Struct):
    """One registered node."""

    name: str
    workers: int
    in_flight: int
    draining: bool
    mean_run_s: float
    pressure: float


class ClusterSnapshot(msgspec.Struct):
    """A cluster at one moment."""

    role: str
    draining: bool
    queue_length: int
    queue_limit: int
    queue_bytes: int
    oldest_wait_s: float
    workers: int
    in_flight: int
    clients: int
    nodes: list[NodeNumbers]
    counters: TaskCounters
    decisions: dict[str, int]
    refusals: dict[str, int]


def cluster_snapshot(
    settings: ClusterSettings,
    queue: TaskQueue,
    membership: Membership,
    clients: int,
    counters: TaskCounters,
    decisions: Decisions,
    draining: bool,
    now: float,
) -> ClusterSnapshot:
    """Reads the numbers off the rooms."""
    return ClusterSnapshot(
        role="cluster",
        draining=draining,
        queue_length=len(queue),
        queue_limit=settings.queue_limit,
        queue_bytes=queue.size_bytes,
        oldest_wait_s=queue.oldest(now),
        workers=membership.workers,
        in_flight=membership.in_flight,
        clients=clients,
        nodes=[_node_numbers(node) for node in membership.all()],
        counters=counters,
        decisions=decisions.numbers(),
        refusals=decisions.refused(),
    )


def _node_numbers(node: NodeSession) -> NodeNumbers:
    mean_run_s = node.times.service.mean_s()
    return NodeNumbers(node.name, node.workers, len(node.tasks), node.draining, mean_run_s, round(node.pressure, 3))
