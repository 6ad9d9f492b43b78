"""What tasks take on a node: learnt by kind, and compared with what they take in the fleet."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest

from argon.scheduling.cluster.node_times import NodeTimes
from argon.scheduling.load import ServiceTimes
from tests.support.drivers import runs_of


def test_runs_are_learnt_by_kind_for_the_node_and_the_fleet() -> None:
    node, fleet = NodeTimes(), ServiceTimes()
    for kind, run_s in ((7, 0.1), (7, 0.3), (8, 1.0), (7, 0.2)):
        node.note_run(kind, run_s, fleet, 1.0)
    assert node.learn(fleet, 1.0)
    assert not node.learn(fleet, 1.0)
    for times in (node.service, fleet):
        assert times.of(7) == pytest.approx(0.2)
        assert times.of(8) == pytest.approx(1.0)


def run(node: NodeTimes, fleet: ServiceTimes, run_s: float, kind: int = 7, count: int = 1) -> None:
    for _ in range(count):
        node.note_run(kind, run_s, fleet, 0.0)
        node.learn(fleet, 0.0)


def test_killed_run_costs_what_it_took_and_would_have_taken_longer() -> None:
    node, fleet = NodeTimes(), ServiceTimes()
    for _ in range(5):
        node.note_killed(7, 0.5, fleet, 0.0)
        node.learn(fleet, 0.0)
    assert fleet.of(7) == pytest.approx(0.5)
    assert fleet.too_long(7, 0.6)
    assert not fleet.too_long(7, 1.1)


def test_slowness_is_what_tasks_take_here_by_what_they_take_in_the_fleet() -> None:
    fast, slow, fleet = NodeTimes(), NodeTimes(), ServiceTimes()
    for _ in range(200):
        run(fast, fleet, 0.02, count=8)
        run(slow, fleet, 0.6)
    assert exp(slow.slowness) == pytest.approx(20.0, rel=0.2), "less than thirty, since its runs count in the fleet"
    assert exp(fast.slowness) == pytest.approx(0.7, rel=0.2)
    assert slow.is_slower_than(10.0)
    assert not fast.is_slower_than(10.0)


def test_node_is_not_called_slow_for_running_long_kinds_nor_for_trifles_nor_at_once() -> None:
    other, node, fleet = NodeTimes(), NodeTimes(), ServiceTimes()
    run(other, fleet, 0.001, kind=1, count=50)
    run(node, fleet, 10.0, kind=2, count=50)
    assert not node.is_slower_than(10.0), "nobody else runs this kind"
    run(other, fleet, 0.00001, kind=3, count=50)
    run(node, fleet, 0.0005, kind=3, count=50)
    assert not node.is_slower_than(10.0), "half a millisecond is mostly noise"
    hasty = NodeTimes()
    run(hasty, fleet, 10.0, kind=1, count=4)
    assert not hasty.is_slower_than(10.0)


def test_node_four_times_slower_is_not_called_slow_however_much_tasks_vary() -> None:
    rng = Random(1)
    fast, slow, fleet = NodeTimes(), NodeTimes(), ServiceTimes()
    for _ in range(5000):
        run(fast, fleet, rng.expovariate(50.0), count=4)
        run(slow, fleet, rng.expovariate(12.5))
        assert not slow.is_slower_than(10.0)


def test_node_is_not_called_slow_for_a_few_very_long_tasks_among_short_ones() -> None:
    node, fleet = NodeTimes(), ServiceTimes()
    run(node, fleet, 0.001, count=100)
    run(node, fleet, 10.0, count=3)
    assert not node.is_slower_than(10.0)
    slow = NodeTimes()
    for _ in range(40):
        run(slow, fleet, 10.0)
        run(node, fleet, 0.001, count=8)
    assert slow.is_slower_than(10.0)


def test_expected_time_falls_back_from_the_kind_here_to_the_fleet_times_how_slow_the_node_is() -> None:
    node, fleet = NodeTimes(), ServiceTimes()
    assert node.expected_s(1, fleet) == 0.0
    assert node.known_s(1, fleet) is None
    fleet.add(9, runs_of(4.0), 0.0)
    assert node.expected_s(1, fleet) == 4.0
    assert node.known_s(1, fleet) is None, "of this kind nothing is known"
    fleet.add(1, runs_of(2.0), 0.0)
    assert node.known_s(1, fleet) == node.expected_s(1, fleet) == 2.0
    node.slowness = log(3.0)
    assert node.expected_s(1, fleet) == pytest.approx(6.0)
    node.service.add(1, runs_of(1.0), 0.0)
    assert node.expected_s(1, fleet) == 1.0
