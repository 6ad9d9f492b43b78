"""Each compared rule chooses as its name says, and only among nodes with room."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from argon.planning.node_plan import NodePlan
from argon.planning.rules import RULES, AnyNode, LeastLoaded, Oracle, Original, RoundRobin, TwoChoices, make_rule
from argon.planning.service import Constant
from argon.planning.workload import Mix, random_workload
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice
from argon.scheduling.cluster.router import Router, RoutingRule
from argon.scheduling.cluster.task import Task, admitted_task
from tests.support.drivers import runs_of, submit

KIND = 1


class Nodes:
    """Nodes, the rule under test, and a router that it chooses for."""

    def __init__(self, rule: RoutingRule, *workers: int) -> None:
        self.router = Router(rule)
        self.sessions = [NodeSession(peer, f"node-{peer}", 1, count) for peer, count in enumerate(workers, 1)]
        for node in self.sessions:
            self.router.update(node)
        self._last = 0

    def ran(self, index: int, seconds: float) -> None:
        self.sessions[index].times.service.add(KIND, runs_of(seconds), 0.0)
        self.router.fleet.add(KIND, runs_of(seconds), 0.0)
        self.router.update(self.sessions[index])

    def assign(self, key: int = 0) -> int:
        """The index of the node that takes one more task, -1 if none."""
        route = self.router.choose(KIND, key)
        if route is None:
            return -1
        node = route.node
        assert (route.why, route.free_nodes) == ((Choice.FREE, 1) if node.free() else (Choice.PREFETCHED, 0))
        self._last += 1
        task = admitted_task(self._last, 1, submit(self._last, kind=KIND), 0, 0.0)
        node.assign(task, self.router.fleet.of(KIND))
        self.router.update(node)
        return self.sessions.index(node)

    def end(self, index: int) -> None:
        node = self.sessions[index]
        task: Task = next(iter(node.tasks.values()))
        node.release(task)
        self.router.update(node)


def oracle(*speeds: float, service_s: float = 1.0) -> Oracle:
    return Oracle(array("d", [service_s] * 100), {f"node-{peer}": speed for peer, speed in enumerate(speeds, 1)})


RULES_MADE: list[Callable[[], RoutingRule]] = [
    RoundRobin,
    lambda: AnyNode(Random(1)),
    lambda: TwoChoices(Random(1)),
    LeastLoaded,
    Original,
    lambda: oracle(1.0, 1.0, 1.0),
]


@pytest.mark.parametrize("make", RULES_MADE)
def test_every_worker_gets_one_task_and_of_an_unknown_kind_none_is_prefetched(make: Callable[[], RoutingRule]) -> None:
    nodes = Nodes(make(), 2, 1, 3)
    assert Counter(nodes.assign(key=1) for _ in range(6)) == {0: 2, 1: 1, 2: 3}
    assert nodes.assign(key=1) == -1


@pytest.mark.parametrize("make", RULES_MADE[:-1])
def test_short_task_is_prefetched_where_no_worker_is_free(make: Callable[[], RoutingRule]) -> None:
    nodes = Nodes(make(), 1, 1)
    nodes.ran(0, 0.01)
    assert sorted(nodes.assign() for _ in range(4)) == [0, 0, 1, 1]
    assert nodes.assign() == -1


@pytest.mark.parametrize("make", RULES_MADE)
def test_node_that_is_removed_is_not_chosen(make: Callable[[], RoutingRule]) -> None:
    nodes = Nodes(make(), 1, 1, 1)
    nodes.router.remove(nodes.sessions[1])
    assert sorted(nodes.assign(key=1) for _ in range(3)) == [-1, 0, 2]


def test_round_robin_goes_round_and_passes_over_the_busy() -> None:
    nodes = Nodes(RoundRobin(), 2, 1, 2)
    assert [nodes.assign() for _ in range(5)] == [0, 1, 2, 0, 2]
    nodes.end(1)
    nodes.end(0)
    assert [nodes.assign() for _ in range(2)] == [0, 1]


def test_random_takes_each_about_as_often() -> None:
    nodes = Nodes(AnyNode(Random(1)), 1000, 1000)
    counts = Counter(nodes.assign() for _ in range(1000))
    assert all(430 < count < 570 for count in counts.values())


def test_two_choices_keep_nodes_more_even_than_random_does() -> None:
    def spread(rule: RoutingRule) -> int:
        nodes = Nodes(rule, *[100] * 20)
        for _ in range(1000):
            nodes.assign()
        counts = [len(node.tasks) for node in nodes.sessions]
        return max(counts) - min(counts)

    assert spread(TwoChoices(Random(1))) < spread(AnyNode(Random(1))) / 2


def test_least_loaded_takes_the_smallest_share_of_busy_workers() -> None:
    nodes = Nodes(LeastLoaded(), 1, 4)
    assert [nodes.assign() for _ in range(4)] == [0, 1, 1, 1]
    nodes.end(0)
    assert nodes.assign() == 0


def test_original_fills_the_fastest_node_first_and_before_it_a_new_one() -> None:
    nodes = Nodes(Original(), 2, 2, 1)
    nodes.ran(0, 0.2)
    nodes.ran(1, 0.1)
    assert [nodes.assign() for _ in range(5)] == [2, 1, 1, 0, 0]


def test_oracle_takes_the_fastest_free_node_and_knows_when_one_turns() -> None:
    rule = oracle(1.0, 4.0, 2.0)
    nodes = Nodes(rule, 2, 2, 2)
    assert nodes.assign(key=1) == 1
    rule.turned("node-2", 0.1)
    assert nodes.assign(key=1) == 2
    rule.turned("node-3", 0.2)
    assert [nodes.assign(key=1) for _ in range(4)] == [0, 0, 2, 1]


def test_oracle_knows_without_measuring_which_task_is_short_enough_to_be_prefetched() -> None:
    nodes = Nodes(Oracle(array("d", [1.0, 0.01]), {"node-1": 1.0}), 1)
    assert [nodes.assign(key=1), nodes.assign(key=1)] == [0, -1]
    nodes.end(0)
    nodes.sessions[0].assign(admitted_task(99, 1, submit(99), 0, 0.0), 0.01)
    nodes.router.update(nodes.sessions[0])
    assert [nodes.assign(key=1), nodes.assign(key=2)] == [-1, 0]


def test_every_rule_has_its_name() -> None:
    fleet = [NodePlan(1, 3.0)]
    work = random_workload(1, 1.0, Mix(Constant(0.01)), Random(1))
    found = {rule: make_rule(rule, fleet, work, Random(1)) for rule in RULES}
    assert [type(rule) for rule in found.values()] == [
        RoundRobin,
        AnyNode,
        TwoChoices,
        LeastLoaded,
        Original,
        Oracle,
        type(None),
    ]
    knowing = found["oracle"]
    assert isinstance(knowing, Oracle)
    assert (knowing.speeds, knowing.service_s) == ({"node-1": 3.0}, work.service_s)


def test_rule_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="a rule must be one of"):
        make_rule("best", [], random_workload(1, 1.0, Mix(Constant(0.01)), Random(1)), Random(1))
