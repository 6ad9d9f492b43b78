"""The record of a node: what it has, what room it has, and that both come back to nothing."""

from __future__ import annotations

import pytest

from argon.scheduling.cluster.node_session import PREFETCH_MAX_PER_WORKER, PREFETCH_WORK_S, NodeSession
from argon.scheduling.cluster.task import Task, admitted_task
from argon.scheduling.load import ServiceTimes
from argon.settings import PREFETCH_S
from tests.support.drivers import submit


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


def test_work_never_falls_below_nothing_though_sums_of_fractions_do() -> None:
    assert 0.3 + 0.6 - 0.3 - 0.6 < 0
    node = a_node(2)
    tasks = [a_task(number) for number in (1, 2, 3)]
    for each, predicted_s in zip(tasks, (0.3, 0.6, 0.0), strict=True):
        node.assign(each, predicted_s)
    node.release(tasks[0])
    node.release(tasks[1])
    assert node.work_s == 0.0


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
    assert node.times.round_trip is None
    node.release(second)
    node.note_run(second, 0.5, ServiceTimes(), 11.0)
    assert node.times.round_trip is not None
    assert node.times.round_trip.mean_s == pytest.approx(0.5)


def test_round_trip_is_never_negative() -> None:
    node, task = a_node(1), a_task(1)
    node.assign(task, 0.1)
    node.release(task)
    node.note_run(task, 5.0, ServiceTimes(), 1.0)
    assert node.times.round_trip is not None
    assert node.times.round_trip.mean_s == 0.0
