"""The cluster's state machine: tasks that are submitted, assigned, run and answered, and tasks that are rejected.

A turn brings the tasks of one client in one read, and then the outcomes from each node that was given some of them.
Making the outcomes is part of it.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest

from argon.protocol.handshake import Role
from argon.protocol.messages import Assign, Capacity, Message, Outcome, Register, Status
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.effects import ClusterEffect, Send
from argon.settings import ClusterSettings
from benchmarks.micro.messages import Measure, completed, in_batches, submits

WORKERS = 128
STEP_S = 1e-4


class Turns:
    """A cluster with these nodes and clients, of which one submits."""

    def __init__(self, nodes: int, clients: int, queue_limit: int = 1000, workers: int = WORKERS) -> None:
        self.state = ClusterState(ClusterSettings(queue_limit=queue_limit), Random(1))
        self.now = 1000.0
        for peer in range(1, 1 + nodes):
            self.state.connected(peer, Role.NODE, self.now)
            self.state.received(peer, [Register(f"node-{peer}", peer), Capacity(max(1, workers // nodes))], self.now)
        for peer in range(1 + nodes, 1 + nodes + clients):
            self.state.connected(peer, Role.CLIENT, self.now)
        self.client = 1 + nodes

    def run(self, tasks: list[Message]) -> int:
        """Has these tasks submitted and run; returns how many were answered as run."""
        self.now += STEP_S
        effects = self.state.received(self.client, tasks, self.now)
        answered = 0
        while effects:
            given: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for effect in effects:
                assert type(effect) is Send
                message = effect.message
                if type(message) is Assign:
                    given[effect.peer].append((message.id, message.attempt))
                else:
                    assert type(message) is Outcome
                    answered += message.status == Status.COMPLETED
            effects = []
            for node, assigned in given.items():
                effects += self.state.received(node, [*completed(assigned)], self.now)
        return answered


@in_batches
@pytest.mark.parametrize("clients", [1, 1000], ids="{} clients".format)
@pytest.mark.parametrize("nodes", [1, 10, 1000], ids="{} nodes".format)
def test_cluster_submit_to_answer(benchmark: Measure, nodes: int, clients: int, batch: int) -> None:
    turns = Turns(nodes, clients)
    tasks = submits(batch)
    turns.run(submits(WORKERS))
    assert benchmark(lambda: turns.run(tasks)) == batch


@in_batches
def test_cluster_reject(benchmark: Measure, batch: int) -> None:
    turns = Turns(nodes=1, clients=2, queue_limit=1, workers=1)
    turns.state.received(turns.client + 1, submits(2), turns.now)
    tasks = submits(batch)

    def reject() -> list[ClusterEffect]:
        return turns.state.received(turns.client, tasks, turns.now)

    effects = benchmark(reject)
    assert isinstance(effects, list)
    statuses = {effect.message.status for effect in effects}
    assert (len(effects), statuses) == (batch, {Status.REJECTED})
