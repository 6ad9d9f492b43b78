"""The traffic of the benchmarks that need many peers: clients that keep tasks under way, nodes that answer at once.

In: connections, tasks that were encoded once. Out: answers, each checked. As a program it is a process full of nodes,
for as long as its parent wants it. It must never run a task.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec

from argon.cli.child_process import running
from argon.net.security import find_token
from argon.protocol.handshake import Role
from benchmarks.frames import Answers, Shape, Submits
from benchmarks.wire import WITHIN_S, Wire, Wires, WireTrouble

ROOT = Path(__file__).resolve().parent.parent


class Traffic:
    """Tasks that clients offer block after block: a new one whenever so many of the old are answered.

    Args:
        answer: the shape of the answers.
        expected: whether a run of answers says what it should.
        blocks: how many each client has under way.
        renumber: give every task a number of its own; tasks that are never admitted do without.

    Attributes:
        answers: how many tasks were answered.
    """

    def __init__(
        self,
        clients: Wires,
        submits: Submits,
        answer: Shape,
        expected: Callable[[bytes], bool],
        *,
        blocks: int,
        renumber: bool = True,
    ) -> None:
        self._clients = clients
        self._submits = submits
        self._answer = answer
        self._expected = expected
        self._blocks = blocks
        self._renumber = renumber
        self._answered = dict.fromkeys(clients.all, 0)  # of each client, since its last block
        self._under_way = 0
        self.answers = 0

    def begin(self) -> None:
        """Offers the first blocks."""
        for client in self._clients.all:
            for _ in range(self._blocks):
                self._offer(client)

    def run(self, answers: int) -> None:
        """Goes on until so many more tasks are answered."""
        enough = self.answers + answers
        while self.answers < enough:
            self._step(offering=True)

    def end(self) -> None:
        """Waits for the answers to all that is under way."""
        while self._under_way:
            self._step(offering=False)

    def _step(self, offering: bool) -> None:
        end = monotonic() + WITHIN_S
        while not (runs := self._clients.poll(WITHIN_S)):
            if monotonic() > end:
                raise WireTrouble(f"no answer came in {WITHIN_S:g} s, with {self._under_way} tasks under way")
        for client, run in runs:
            if not self._expected(run):
                raise WireTrouble(f"there is another answer than expected among {run[:1000].hex(' ')}")
            count = self._answer.count(run)
            self.answers += count
            self._under_way -= count
            self._answered[client] += count
            while offering and self._answered[client] >= self._submits.count:
                self._answered[client] -= self._submits.count
                self._offer(client)

    def _offer(self, client: Wire) -> None:
        self._under_way += self._submits.count
        self._clients.write(client, self._submits.numbered() if self._renumber else self._submits.frames)


# ---- a process full of nodes -----------------------------------------------------------------------------------------


class NodesPlan(msgspec.Struct):
    """Nodes that are done with every task at once.

    Attributes:
        workers: how many each says it has; with 0 it is there and gets nothing.
        task_bytes: the payload of each task.
        result_bytes: the payload of each result.
        run_s: how long each task is said to have taken.
    """

    address: str
    nodes: int
    workers: int
    name: str
    task_bytes: int
    result_bytes: int
    run_s: float


@contextmanager
def nodes_process(plan: NodesPlan, token: str) -> Iterator[None]:
    """A process with these nodes; they have registered when the `with` begins, and are gone when it ends."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks.traffic"]
    with running(["nodes", msgspec.json.encode(plan).decode()], command, {"ARGON_TOKEN": token, "PYTHONPATH": path}):
        yield


def main() -> None:
    """The process: answers until it is told to stop."""
    plan = msgspec.json.decode(sys.argv[2], type=NodesPlan)
    answers = Answers(plan.task_bytes, bytes(plan.result_bytes), plan.run_s)
    with Wires(plan.address, find_token(), Role.NODE, plan.nodes, answers.assigns) as nodes:
        nodes.register(plan.name, plan.workers)
        os.write(sys.stdout.fileno(), b"nodes ready\n")
        while True:
            for node, assigns in nodes.poll(WITHIN_S):
                nodes.write(node, answers.to(assigns))


if __name__ == "__main__":
    main()
