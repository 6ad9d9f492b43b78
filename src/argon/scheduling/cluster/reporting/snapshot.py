"""Numbers for people: what ``argon status`` shows.

In: the state. Out: its numbers of one moment, readable as JSON. It must never change the state.
"""

from __future__ import annotations

import msgspec

from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.node_session import NodeSession


class NodeNumbers(msgspec.Struct):
    """One registered node."""

    name: str
    workers: int
    in_flight: int
    draining: bool
    mean_run_s: float
    pressure: float


class TaskNumbers(msgspec.Struct):
    """Tasks since the start. ``accepted`` is always the sum of the ends (rejected apart), the queued and the
    running."""

    accepted: int
    completed: int
    failed: int
    rejected: int
    expired: int
    cancelled: int
    lost: int
    requeued: int
    stale_answers: int


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
    counters: TaskNumbers
    decisions: dict[str, int]
    rejections: dict[str, int]


def cluster_snapshot(state: ClusterState, now: float) -> ClusterSnapshot:
    """Reads the numbers off the parts of the state machine."""
    queue, membership, decisions = state.queue, state.membership, state.decision_log.decisions
    return ClusterSnapshot(
        role="cluster",
        draining=state.shutdown.draining,
        queue_length=len(queue),
        queue_limit=state.settings.queue_limit,
        queue_bytes=queue.size_bytes,
        oldest_wait_s=queue.oldest(now),
        workers=membership.workers,
        in_flight=membership.in_flight,
        clients=len(state.clients),
        nodes=[_node_numbers(node) for node in membership.all()],
        counters=TaskNumbers(**state.counters.by_name()),
        decisions=decisions.numbers(),
        rejections=decisions.rejected(),
    )


def _node_numbers(node: NodeSession) -> NodeNumbers:
    mean_run_s = node.times.service.mean_s()
    return NodeNumbers(node.name, node.workers, len(node.tasks), node.draining, mean_run_s, round(node.pressure, 3))
