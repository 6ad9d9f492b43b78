"""What a task costs the cluster as its network grows: CPU microseconds with more nodes, more clients, a longer queue.

In: how many rounds. Out: figures. All clients are connections of this process and all nodes of another, which answers
at once; both are far cheaper than the cluster, whose CPU alone is counted. Every case has as many no-op tasks under way
as the others of its row, and as many workers. What still differs is how many tasks travel together: one client sends
blocks of 500, and each of 1,000 clients blocks of 10, which the router spreads over the nodes. In the row of single
tasks each client has one task under way and each node one worker, so that nothing travels together however many there
are.
"""

from __future__ import annotations

import resource
import sys
from contextlib import ExitStack
from time import perf_counter

import msgspec

from argon.net.security import parse_token
from argon.protocol.codec import OUTCOME
from argon.protocol.handshake import Role
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot
from benchmarks.frames import Shape, Submits, are_completed
from benchmarks.stack import Stack, cpu_s
from benchmarks.subject import Figure
from benchmarks.traffic import NodesPlan, Traffic, nodes_process
from benchmarks.wire import Wires

TASKS, TASKS_QUICK = 40_000, 10_000
TASK_BYTES, RESULT_BYTES = 64, 16
UNDER_WAY = 10_000
WORKERS = 1000
BLOCK_MAX = 500
QUEUE_WORKERS = QUEUE_BLOCK = 100  # so few that hardly any of the tasks that shall wait are on their way instead
QUEUE_LIMIT = 250_000
SHORT_S, LONG_S = 2e-6, 1.0  # a node prefetches short tasks, and no long ones
SINGLE_SHARE = 5  # tasks that travel alone take many times as long, so there are so many times fewer of them
RATIO_BAR = 1.3
_OTHER_DESCRIPTORS = 300


class Case(msgspec.Struct, frozen=True):
    """A network, and what is under way in it. ``idle`` is how many further clients, and nodes without workers, there
    are."""

    row: str
    what: str
    clients: int = 1
    nodes: int = 1
    idle: int = 0
    under_way: int = UNDER_WAY
    workers: int = WORKERS
    run_s: float = SHORT_S
    block_max: int = BLOCK_MAX

    def connections(self) -> int:
        return self.clients + self.nodes + 2 * self.idle


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number > 1 else ''}"


def _network(clients: int, nodes: int) -> str:
    return f"{_count(clients, 'client')}, {_count(nodes, 'node')}"


def _active(clients: int, nodes: int) -> Case:
    return Case("active", _network(clients, nodes), clients, nodes)


def _single(clients: int, nodes: int) -> Case:
    return Case("single", f"{_network(clients, nodes)}, single tasks", clients, nodes, under_way=clients, workers=nodes)


def _queued(waiting: int) -> Case:
    under_way = QUEUE_WORKERS + waiting // QUEUE_BLOCK * QUEUE_BLOCK
    what, workers = f"{_count(waiting, 'task')} waiting", under_way - waiting
    return Case("queue", what, under_way=under_way, workers=workers, run_s=LONG_S, block_max=QUEUE_BLOCK)


ONE = _active(1, 1)
ALL = _active(1000, 1000)
CONNECTED = Case("connected", "1 client, 1 node, and 999 idle of each", idle=999)
CASES = (
    ONE,
    *(_active(1, nodes) for nodes in (10, 100, 1000)),
    *(_active(clients, 1) for clients in (10, 100, 1000)),
    ALL,
    CONNECTED,
    _single(1, 1),
    _single(1000, 1000),
    *(_queued(waiting) for waiting in (1, 1000, 100_000)),
)
CASES_QUICK = (ONE, ALL, CONNECTED, _single(1, 1), _single(1000, 1000), _queued(1), _queued(100_000))


class Cost(msgspec.Struct):
    """What a task took the cluster."""

    cpu_us: float
    per_s: float


def measure(rounds: int, quick: bool) -> list[Figure]:
    """Each case once a round, each time on a new cluster, and the ratios between those of one round."""
    cases = [case for case in (CASES_QUICK if quick else CASES) if _is_possible(case)]
    tasks = TASKS_QUICK if quick else TASKS
    found: dict[Case, list[Cost]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            found[case].append(one_case(case, tasks // SINGLE_SHARE if case.row == "single" else tasks))
    figures = []
    for case, costs in found.items():
        figures.append(Figure("scale", f"{case.what}: CPU a task", "us", tuple(cost.cpu_us for cost in costs)))
        figures.append(Figure("scale", case.what, "tasks/s", tuple(cost.per_s for cost in costs)))
    ratios = [
        ("1,000 active clients and nodes to one of each", ALL, ONE, True),
        ("1,000 connected clients and nodes, one of each active, to one of each", CONNECTED, ONE, True),
        ("the same with single tasks", _single(1000, 1000), _single(1, 1), False),
        ("100,000 tasks waiting to 1", _queued(100_000), _queued(1), False),
    ]
    return figures + [
        _ratio(what, found[many], found[one], barred)
        for what, many, one, barred in ratios
        if many in found and one in found
    ]


def one_case(case: Case, tasks: int) -> Cost:
    """The cost of a task once as many as the case asks for are under way, and while they are."""
    share = case.under_way // case.clients
    block = min(case.block_max, share)
    with ExitStack() as life:
        stack = life.enter_context(
            Stack(nodes=0, cluster_options=["--queue-limit", str(QUEUE_LIMIT), "--queue-target-ms", "off"])
        )
        secret = parse_token(stack.token, "the stack's token")
        answer = Shape(OUTCOME, RESULT_BYTES)

        def clients(count: int) -> Wires:
            return life.enter_context(Wires(stack.address, secret, Role.CLIENT, count, answer))

        def nodes(name: str, count: int, workers: int) -> None:
            plan = NodesPlan(stack.address, count, workers, name, TASK_BYTES, RESULT_BYTES, case.run_s)
            life.enter_context(nodes_process(plan, stack.token))

        def is_complete(status: ClusterSnapshot) -> bool:
            there = (status.workers, len(status.nodes), status.clients)
            return there == (case.workers, case.nodes + case.idle, 1 + case.clients + case.idle)

        nodes("active", case.nodes, case.workers // case.nodes)
        if case.idle:
            nodes("idle", case.idle, 0)
            clients(case.idle)
        offering = clients(case.clients)
        observer = clients(1)
        observer.await_status("joined by all", is_complete)
        submits = Submits(block, bytes(TASK_BYTES))
        traffic = Traffic(offering, submits, answer, lambda run: are_completed(run, answer), blocks=share // block)
        traffic.begin()
        traffic.run(max(case.under_way, tasks // 5))  # when the first of the tasks have left, all of them have come
        begin, begin_s, begin_cpu_s = traffic.answers, perf_counter(), cpu_s(stack.cluster_pid)
        traffic.run(tasks)
        count = traffic.answers - begin
        cost = Cost((cpu_s(stack.cluster_pid) - begin_cpu_s) / count * 1e6, count / (perf_counter() - begin_s))
        traffic.end()
        observer.await_status("left by nobody", is_complete)
    return cost


def _ratio(what: str, many: list[Cost], one: list[Cost], barred: bool) -> Figure:
    samples = tuple(more.cpu_us / less.cpu_us for more, less in zip(many, one, strict=True))
    figure = Figure("scale", what, "ratio", samples)
    if not barred:
        return figure
    return msgspec.structs.replace(figure, bar=f"<= {RATIO_BAR:g}", met=figure.value <= RATIO_BAR)


def _is_possible(case: Case) -> bool:
    """Whether the system lets the cluster have so many connections; if not, says so."""
    wanted, (_, hard) = case.connections() + _OTHER_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return True
    sys.stderr.write(f"scale: left out {case.what}: it needs {wanted:,} descriptors, the hard limit is {hard:,}\n")
    return False
