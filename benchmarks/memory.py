"""What a cluster keeps in memory: kilobytes for each idle connection, bytes for each queued task.

In: how many rounds. Out: figures. Counted are the pages that the cluster's process has written and shares with nobody,
before and after; what the kernel keeps for a socket is not among them. Before the first reading the cluster has had one
peer and one task of the same sort, so that what it loads and makes only once is not counted as the cost of each. Both
readings are taken when the cluster has answered a question that it was asked last, and has nothing more to do.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from argon.net.security import parse_token
from argon.protocol.codec import ASSIGN, OUTCOME
from argon.protocol.handshake import Role
from benchmarks.frames import Shape, Submits
from benchmarks.stack import Stack
from benchmarks.subject import Figure
from benchmarks.wire import Wires

CONNECTIONS, CONNECTIONS_QUICK = 1000, 200
TASKS, TASKS_QUICK = 100_000, 20_000
PAYLOAD_BYTES = 64
BLOCK = 500
CONNECTION_BAR_KB, TASK_BAR_BYTES = 20.0, 1024.0
_ANSWER = Shape(OUTCOME, 0)


def measure(rounds: int, quick: bool) -> list[Figure]:
    """Each once a round, each time on a new cluster."""
    connections = CONNECTIONS_QUICK if quick else CONNECTIONS
    tasks = TASKS_QUICK if quick else TASKS
    kilobytes = tuple(connection_bytes(connections) / 1024 for _ in range(rounds))
    beyond = tuple(task_bytes(tasks) - PAYLOAD_BYTES for _ in range(rounds))
    return [
        _figure(f"cluster, one of {connections:,} idle clients", "KB", kilobytes, CONNECTION_BAR_KB),
        _figure(f"cluster, one of {tasks:,} queued tasks, beyond its payload", "bytes", beyond, TASK_BAR_BYTES),
    ]


def connection_bytes(connections: int) -> float:
    """What each of so many clients takes that have connected and say nothing."""
    with Stack(nodes=0) as stack:
        secret = parse_token(stack.token, "the stack's token")
        with Wires(stack.address, secret, Role.CLIENT, 1, _ANSWER) as observer:
            observer.status()
            before = private_bytes(stack.cluster_pid)
            with Wires(stack.address, secret, Role.CLIENT, connections, _ANSWER):
                observer.await_status("joined by all", lambda status: status.clients == 1 + connections)
                return (private_bytes(stack.cluster_pid) - before) / connections


def task_bytes(tasks: int) -> float:
    """What each of so many tasks takes that wait, its payload included."""
    with Stack(nodes=0, cluster_options=["--queue-limit", str(tasks + BLOCK)]) as stack:
        secret = parse_token(stack.token, "the stack's token")
        with (
            Wires(stack.address, secret, Role.NODE, 1, Shape(ASSIGN, PAYLOAD_BYTES)) as nodes,
            Wires(stack.address, secret, Role.CLIENT, 1, _ANSWER) as clients,
        ):
            nodes.register("mute", workers=1)
            clients.await_status("joined by its node", lambda status: status.workers == 1)
            submits = Submits(BLOCK, bytes(PAYLOAD_BYTES))
            clients.write(
                clients.all[0], Submits(2, bytes(PAYLOAD_BYTES)).frames
            )  # one for the node, and one that waits
            _await_queued(clients, 1)
            before = private_bytes(stack.cluster_pid)
            for _ in range(tasks // BLOCK):
                clients.write(clients.all[0], submits.numbered())
            queued = tasks // BLOCK * BLOCK
            _await_queued(clients, 1 + queued)
            return (private_bytes(stack.cluster_pid) - before) / queued


def _await_queued(clients: Wires, tasks: int) -> None:
    clients.await_status(f"with {tasks} tasks in its queue", lambda status: status.queue_length == tasks)


def _figure(what: str, unit: str, samples: tuple[float, ...], bar: float) -> Figure:
    figure = Figure("memory", what, unit, samples, f"<= {bar:,g}")
    return msgspec.structs.replace(figure, met=figure.value <= bar)


def private_bytes(pid: int) -> int:
    """The memory that a process has written and shares with nobody."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Private_Dirty":
            return int(value.split()[0]) * 1024
    raise KeyError(f"/proc/{pid}/smaps_rollup has no Private_Dirty")
