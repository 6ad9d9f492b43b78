"""Numbers for people: what ``argon status`` shows. Built by a state on request, and never read back by one."""

from __future__ import annotations

import msgspec

from argon.scheduling.member import Member


class TaskCounters(msgspec.Struct):
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


class NodeNumbers(msgspec.Struct):
    """One registered node."""

    name: str
    workers: int
    in_flight: int
    draining: bool
    mean_run_s: float


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


def node_numbers(member: Member) -> NodeNumbers:
    """The numbers of one node."""
    mean_run_s = member.times.overall.mean_s if member.times.overall else 0.0
    return NodeNumbers(member.name, member.workers, len(member.tasks), member.draining, mean_run_s)
