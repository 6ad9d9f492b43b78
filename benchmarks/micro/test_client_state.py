"""The client's state machine: tasks that are submitted one by one, sent, and answered in one read.

Making the outcomes is part of a turn.
"""

from __future__ import annotations

from math import inf
from random import Random

from argon.protocol.messages import Heartbeat, Outcome, Submit, Welcome
from argon.scheduling.client.client_state import ClientState
from argon.scheduling.effects import Send, Settle
from argon.scheduling.task_options import TaskOptions
from benchmarks.micro.messages import KIND, TASK, Measure, completed, in_batches

CLUSTER = 1
CREDITS = 1000
STEP_S = 1e-4


class Turns:
    """A client that may send all it has: one task of it stays under way, so that it knows its credits."""

    def __init__(self) -> None:
        self.state = ClientState(Random(1))
        self.now = 1000.0
        self.options = TaskOptions()
        self.state.connected(CLUSTER, Welcome(CLUSTER, CREDITS, 1 << 20, 5.0, 15.0), self.now)
        self.state.submit(KIND, TASK, self.options, inf, self.now)
        self.state.received(CLUSTER, [Heartbeat(CREDITS)], self.now)

    def run(self, batch: int) -> int:
        """Has so many tasks submitted and answered; returns how many callers got an outcome."""
        self.now += STEP_S
        sent = []
        for _ in range(batch):
            _, effects = self.state.submit(KIND, TASK, self.options, inf, self.now)
            for effect in effects:
                assert type(effect) is Send
                assert type(effect.message) is Submit
                sent.append((effect.message.id, 1))
        outcomes: list[Outcome] = completed(sent)
        for outcome in outcomes:
            outcome.credits = CREDITS
        return sum(type(effect) is Settle for effect in self.state.received(CLUSTER, [*outcomes], self.now))


@in_batches
def test_client_submit_to_answer(benchmark: Measure, batch: int) -> None:
    turns = Turns()
    assert benchmark(lambda: turns.run(batch)) == batch
