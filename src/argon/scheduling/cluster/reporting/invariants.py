"""What must always be true of a cluster's parts taken together. Checked after every step in tests, never in production.

In: the state. Out: nothing, or an AssertionError that says which invariant is broken. It must never change the state.
"""

from __future__ import annotations

from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.task import TaskState


def check_cluster(state: ClusterState) -> None:
    """Asserts that counters are right, limits hold, each task is in one place, and no worker is free while a
    task waits in the queue."""
    settings, queue, membership, clients = state.settings, state.queue, state.membership, state.clients
    accepted, rejected = state.counters.still_here(), state.counters.rejected()
    nodes = membership.all()
    assert membership.in_flight == sum(len(m.tasks) for m in nodes), "in_flight is off"
    assert membership.workers == sum(m.capacity() for m in nodes), "workers are off"
    assert accepted == len(queue) + membership.in_flight, "accepted is not the sum of where tasks are"
    assert rejected == sum(state.decision_log.decisions.rejections.values()), (
        "rejections are not the sum of their reasons"
    )
    waiting = queue.waiting()
    assert queue.length + clients.announced <= settings.queue_limit, "the queue is over its limit"
    assert queue.size_bytes + clients.announced_bytes <= settings.queue_bytes, "the queue is over its bytes"
    assert len(waiting) == len(queue), "the queue's count is off"
    assert sum(task.size_bytes for task in waiting) >= queue.size_bytes >= 0, "the queue's bytes are off"
    assert all(task.state == TaskState.QUEUED for task in waiting), "a task in the queue is not QUEUED"
    for node in nodes:
        for task in node.tasks.values():
            assert task.node == node.peer, "a task is on a node that it was not assigned to"
            assert task.state in (TaskState.ASSIGNED, TaskState.CANCELLING), "a task on a node is not assigned"
        assert not (waiting and node.free()), "a task waits while a worker is free"
    for session in clients.all():
        assert len(session.tasks) <= session.allowance, "a client has more outstanding than it was allowed"
