"""The record of a node: what it has, what room it has, and that both come back to nothing."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest

from argon.scheduling.cluster.node_session import PREFETCH_MAX_PER_WORKER, PREFETCH_WORK_S, NodeSession, is_node_name
from argon.scheduling.cluster.task import Task, admitted_task
from argon.scheduling.load import ServiceTimes
from argon.settings import PREFETCH_S
from tests.support.drivers import runs_of, submit


def a_node(workers: int = 2) -> NodeSession:
    return NodeSession(1, "node", 1, workers)


def a_task(id_: int) -> Task:
    return admitted_task(id_, 1, submit(id_), 0, 0.0)


def test_free_is_workers_without_a_task() -> None:
    node = a_node(2)
    assert node.free() == 2
    for id_ in (1, 2, 3):
        node.assign(a_task(id_), 0.001)
    assert node.free() == 0


def test_draining_node_has_no_room() -> None:
    node = a_node(2)
    node.draining = True
    assert node.free() == 0
    assert not node.has_prefetch_slot(0.0)


def test_prefetch_is_bounded_by_time() -> None:
    node = a_node(2)
    for id_ in range(22):
        assert node.has_prefetch_slot(PREFETCH_WORK_S / 10)
        node.assign(a_task(id_), PREFETCH_WORK_S / 10)
    assert not node.has_prefetch_slot(PREFETCH_WORK_S / 10), "two run, and a buffer of twenty is 2 ms for two workers"


def test_prefetch_is_one_task_of_some_milliseconds() -> None:
    node = a_node(2)
    assert not node.has_prefetch_slot(1.01 * PREFETCH_S)
    for id_ in range(3):
        assert node.has_prefetch_slot(PREFETCH_S / 2)
        node.assign(a_task(id_), PREFETCH_S / 2)
    assert not node.has_prefetch_slot(PREFETCH_S / 2)


def test_nothing_is_prefetched_behind_long_tasks() -> None:
    node = a_node(2)
    node.assign(a_task(1), 2.01 * PREFETCH_S)
    assert not node.has_prefetch_slot(0.001)


def test_prefetch_is_bounded_by_count() -> None:
    node = a_node(1)
    for id_ in range(PREFETCH_MAX_PER_WORKER):
        assert node.has_prefetch_slot(1e-9)
        node.assign(a_task(id_), 1e-9)
    assert not node.has_prefetch_slot(1e-9)


def test_nothing_is_prefetched_behind_a_task_of_unknown_length() -> None:
    node = a_node(1)
    node.assign(a_task(1), None)
    assert not node.has_prefetch_slot(1e-9)


def test_released_tasks_leave_no_work_behind() -> None:
    node = a_node(1)
    tasks = [a_task(id_) for id_ in range(10)]
    for number, task in enumerate(tasks):
        node.assign(task, 0.1 * number)
    for task in tasks:
        node.release(task)
    assert node.work_s == 0.0
    assert not node.tasks


def test_round_trip_is_learnt_only_when_nothing_else_was_under_way() -> None:
    node, first, second = a_node(1), a_task(1), a_task(2)
    for task in (first, second):
        node.assign(task, 0.1)
        task.assigned_at = 10.0
    node.release(first)
    node.note_run(first, 0.5, ServiceTimes(), 11.0)
    assert node.round_trip is None
    node.release(second)
    node.note_run(second, 0.5, ServiceTimes(), 11.0)
    assert node.round_trip is not None
    assert node.round_trip.mean_s == pytest.approx(0.5)


def test_round_trip_is_never_negative() -> None:
    node, task = a_node(1), a_task(1)
    node.assign(task, 0.1)
    node.release(task)
    node.note_run(task, 5.0, ServiceTimes(), 1.0)
    assert node.round_trip is not None
    assert node.round_trip.mean_s == 0.0


@pytest.mark.parametrize(
    ("name", "good"),
    [("node-1.example:8001", True), ("x" * 128, True), ("", False), ("x" * 129, False), ("a/b", False), ("é", False)],
)
def test_node_name_is_short_and_plain(name: str, good: bool) -> None:
    assert is_node_name(name) is good


def test_runs_are_learnt_by_kind_for_the_node_and_the_fleet() -> None:
    node, fleet = a_node(1), ServiceTimes()
    for kind, run_s in ((7, 0.1), (7, 0.3), (8, 1.0), (7, 0.2)):
        task = a_task(1)
        task.kind = kind
        node.note_run(task, run_s, fleet, 1.0)
    assert node.learn(fleet, 1.0)
    assert not node.learn(fleet, 1.0)
    for times in (node.times, fleet):
        assert times.of(7) == pytest.approx(0.2)
        assert times.of(8) == pytest.approx(1.0)


def run(node: NodeSession, fleet: ServiceTimes, run_s: float, kind: int = 7, count: int = 1) -> None:
    task = a_task(1)
    task.kind = kind
    for _ in range(count):
        node.note_run(task, run_s, fleet, 0.0)
        node.learn(fleet, 0.0)


def test_killed_run_costs_what_it_took_and_would_have_taken_longer() -> None:
    node, fleet = a_node(), ServiceTimes()
    for _ in range(5):
        node.note_killed(a_task(1), 0.5, fleet, 0.0)
        node.learn(fleet, 0.0)
    assert fleet.of(7) == pytest.approx(0.5)
    assert fleet.too_long(7, 0.6)
    assert not fleet.too_long(7, 1.1)


def test_slowness_is_what_tasks_take_here_by_what_they_take_in_the_fleet() -> None:
    fast, slow, fleet = a_node(), a_node(), ServiceTimes()
    for _ in range(200):
        run(fast, fleet, 0.02, count=8)
        run(slow, fleet, 0.6)
    assert exp(slow.slowness) == pytest.approx(20.0, rel=0.2), "less than thirty, since its runs count in the fleet"
    assert exp(fast.slowness) == pytest.approx(0.7, rel=0.2)
    assert slow.is_outlier()
    assert not fast.is_outlier()


def test_node_is_not_called_slow_for_running_long_kinds_nor_for_trifles_nor_at_once() -> None:
    other, node, fleet = a_node(), a_node(), ServiceTimes()
    run(other, fleet, 0.001, kind=1, count=50)
    run(node, fleet, 10.0, kind=2, count=50)
    assert not node.is_outlier(), "nobody else runs this kind"
    run(other, fleet, 0.00001, kind=3, count=50)
    run(node, fleet, 0.0005, kind=3, count=50)
    assert not node.is_outlier(), "half a millisecond is mostly noise"
    hasty = a_node()
    run(hasty, fleet, 10.0, kind=1, count=4)
    assert not hasty.is_outlier()


def test_node_four_times_slower_is_not_called_slow_however_much_tasks_vary() -> None:
    rng = Random(1)
    fast, slow, fleet = a_node(), a_node(), ServiceTimes()
    for _ in range(5000):
        run(fast, fleet, rng.expovariate(50.0), count=4)
        run(slow, fleet, rng.expovariate(12.5))
        assert not slow.is_outlier()


def test_node_is_not_called_slow_for_a_few_very_long_tasks_among_short_ones() -> None:
    node, fleet = a_node(), ServiceTimes()
    run(node, fleet, 0.001, count=100)
    run(node, fleet, 10.0, count=3)
    assert not node.is_outlier()
    slow = a_node()
    for _ in range(40):
        run(slow, fleet, 10.0)
        run(node, fleet, 0.001, count=8)
    assert slow.is_outlier()


def test_expected_time_falls_back_from_the_kind_here_to_the_fleet_times_how_slow_the_node_is() -> None:
    node, fleet = a_node(), ServiceTimes()
    assert node.expected_s(1, fleet) == 0.0
    assert node.known_s(1, fleet) is None
    fleet.add(9, runs_of(4.0), 0.0)
    assert node.expected_s(1, fleet) == 4.0
    assert node.known_s(1, fleet) is None, "of this kind nothing is known"
    fleet.add(1, runs_of(2.0), 0.0)
    assert node.known_s(1, fleet) == node.expected_s(1, fleet) == 2.0
    node.slowness = log(3.0)
    assert node.expected_s(1, fleet) == pytest.approx(6.0)
    node.times.add(1, runs_of(1.0), 0.0)
    assert node.expected_s(1, fleet) == 1.0
