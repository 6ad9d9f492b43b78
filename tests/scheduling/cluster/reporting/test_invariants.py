"""What must always hold is seen when it does not: a check that finds nothing wrong with anything is worth nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from argon.protocol.messages import Status, Submit
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.reporting.invariants import check_cluster
from argon.scheduling.cluster.task import Task, TaskState, admitted_task
from argon.settings import ClusterSettings


class Parts:
    """A sound little cluster: one task on its only worker, two in the queue, of one client."""

    def __init__(self) -> None:
        self.state = ClusterState(ClusterSettings(queue_limit=2, queue_bytes=20), Random(1))
        self.queue, self.membership, self.counters = self.state.queue, self.state.membership, self.state.counters
        clients = self.state.clients
        clients.add(1, 3)
        session = clients.get(1)
        assert session is not None
        self.session = session
        self.tasks = [admitted_task(id_, 1, Submit(id_, 2, False, 0.0, 1, 0, b"x" * 10), 10, 0.0) for id_ in range(3)]
        for task in self.tasks:
            clients.begin(session, task)
        for task in self.tasks[1:]:
            self.queue.push(task)
        self.running = self.tasks[0]
        self.running.move(TaskState.ASSIGNED)
        self.running.node = 5
        self.node = NodeSession(5, "node", 1, workers=1)
        self.membership.add(self.node)
        self.membership.assign(self.node, self.running, 1.0)
        self.counters.accepted = 3

    def check(self) -> None:
        check_cluster(self.state)


def test_sound_rooms_are_found_sound() -> None:
    Parts().check()


def more_tasks(parts: Parts) -> None:
    parts.state.settings = ClusterSettings(queue_limit=1, queue_bytes=20)


def more_bytes(parts: Parts) -> None:
    parts.state.settings = ClusterSettings(queue_limit=2, queue_bytes=19)


def lost_count(parts: Parts) -> None:
    parts.queue.length -= 1
    parts.counters.accepted -= 1


def lost_bytes(parts: Parts) -> None:
    parts.queue.size_bytes = 30
    parts.state.settings = ClusterSettings(queue_limit=2, queue_bytes=100)


def task_in_two_parts(parts: Parts) -> None:
    parts.node.tasks[1] = parts.tasks[1]
    parts.membership.in_flight += 1
    parts.counters.accepted += 1


def task_on_the_wrong_node(parts: Parts) -> None:
    parts.running.node = 6


def settled_task_on_a_node(parts: Parts) -> None:
    parts.running.state = TaskState.SETTLED


def idle_worker(parts: Parts) -> None:
    parts.membership.set_workers(parts.node, 2)


def lost_worker(parts: Parts) -> None:
    parts.node.workers = 0


def miscounted_assignment(parts: Parts) -> None:
    parts.membership.in_flight = 2
    parts.counters.accepted = 4


def miscounted_answer(parts: Parts) -> None:
    parts.counters.end(Status.COMPLETED)


def miscounted_rejection(parts: Parts) -> None:
    parts.counters.end(Status.REJECTED)


def client_over_its_allowance(parts: Parts) -> None:
    parts.session.allowance = 2


def settled_task_in_the_queue(parts: Parts) -> None:
    task: Task = parts.tasks[1]
    task.state = TaskState.SETTLED


@pytest.mark.parametrize(
    "breakage",
    [
        *(more_tasks, more_bytes, lost_count, lost_bytes, task_in_two_parts, task_on_the_wrong_node),
        *(settled_task_on_a_node, idle_worker, client_over_its_allowance, settled_task_in_the_queue),
        *(lost_worker, miscounted_assignment, miscounted_answer, miscounted_rejection),
    ],
)
def test_broken_invariant_is_seen(breakage: Callable[[Parts], None]) -> None:
    parts = Parts()
    breakage(parts)
    with pytest.raises(AssertionError):
        parts.check()
