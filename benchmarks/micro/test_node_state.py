"""The node's state machine: tasks that come, are assigned to two workers and answered.

A turn brings the tasks in one read, and then the answers from each worker that was assigned some. Making the messages
is part of it.
"""

from __future__ import annotations

from collections import defaultdict

from argon.protocol.messages import Message, Outcome, Welcome
from argon.scheduling.effects import AssignWorker, NodeEffect, Send, Spawn
from argon.scheduling.node.node_state import NodeState
from argon.settings import NodeSettings
from benchmarks.micro.messages import Measure, assigns, completed, in_batches

CLUSTER = 1
WORKERS = 2
STEP_S = 1e-4


class Turns:
    """A node whose workers are ready."""

    def __init__(self) -> None:
        self.state = NodeState(NodeSettings("here", 1, WORKERS))
        self.now = 1000.0
        started = self.state.start()
        self.state.connected(CLUSTER, Welcome(CLUSTER, 100, 1 << 20, 5.0, 15.0), self.now)
        for effect in started:
            assert type(effect) is Spawn
            self.state.worker_ready(effect.worker, self.now)

    def run(self, tasks: list[Message]) -> int:
        """Has these tasks run; returns how many were answered."""
        self.now += STEP_S
        effects = self.state.received(CLUSTER, tasks, self.now)
        answered = 0
        while effects:
            assigned = defaultdict(list)
            for effect in effects:
                if type(effect) is AssignWorker:
                    assigned[effect.worker].append((effect.local_task_id, 0))
                else:
                    assert type(effect) is Send
                    answered += type(effect.message) is Outcome
            effects = self._answers(assigned)
        return answered

    def _answers(self, assigned: dict[int, list[tuple[int, int]]]) -> list[NodeEffect]:
        effects: list[NodeEffect] = []
        for worker, tasks in assigned.items():
            effects += self.state.worker_answered(worker, completed(tasks), self.now)
        return effects


@in_batches
def test_node_assign_to_answer(benchmark: Measure, batch: int) -> None:
    turns = Turns()
    turns.run(assigns(WORKERS))
    assert benchmark(lambda: turns.run(assigns(batch))) == batch
