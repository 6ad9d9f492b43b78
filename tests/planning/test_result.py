"""The numbers by which a run is evaluated, on courses that are written by hand."""

from __future__ import annotations

import json
from math import inf

import pytest

from argon.planning.course import Course
from argon.planning.node_plan import NodePlan
from argon.planning.result import SLICES_PER_BURST, Percentiles, percentiles, recovery, summarise
from argon.planning.workload import Workload
from argon.protocol.messages import Status
from argon.settings import Priority


def history(*tasks: tuple[float, float, float, int]) -> tuple[Workload, Course]:
    """Tasks as (came, began, ended, status)."""
    work, course = Workload(), Course(len(tasks))
    for number, (at_s, began_s, ended_s, status) in enumerate(tasks):
        work.add(at_s, 1.0, 1, 0, Priority.NORMAL)
        course.began_s[number] = began_s
        course.answer(number, status, ended_s)
    return work, course


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([float(n) for n in range(1, 1001)]) == Percentiles(500.5, 500.0, 990.0, 999.0)
    assert percentiles([3.0]) == Percentiles(3.0, 3.0, 3.0, 3.0)
    assert percentiles([]) is None


def test_ends_are_counted_and_only_completed_tasks_have_times() -> None:
    work, course = history(
        (1.0, 1.5, 3.0, Status.COMPLETED),
        (2.0, 2.0, 5.0, Status.COMPLETED),
        (2.0, inf, 2.5, Status.REJECTED),
        (2.0, 3.0, 4.0, Status.EXPIRED),
    )
    course.busy_s = 4.0
    summary = summarise([NodePlan(1), NodePlan(3)], work, course)
    assert (summary.tasks, summary.completed, summary.rejected, summary.expired) == (4, 2, 1, 1)
    assert summary.lasted_s == 4.0
    assert summary.goodput_per_s == 0.5
    assert summary.utilisation == 0.25
    assert summary.wait == Percentiles(0.25, 0.0, 0.5, 0.5)
    assert summary.total == Percentiles(2.5, 2.0, 3.0, 3.0)
    assert (summary.recovery_s, summary.flood, summary.groups) == (None, None, {})


def test_flood_counts_for_goodput_only_and_has_numbers_of_its_own() -> None:
    work, course = history((0.0, 0.0, 9.0, Status.COMPLETED), (1.0, 1.0, 2.0, Status.COMPLETED))
    work.client[0] = work.flood = 1
    summary = summarise([NodePlan(1)], work, course)
    assert (summary.tasks, summary.completed) == (1, 1)
    assert summary.total == Percentiles(1.0, 1.0, 1.0, 1.0)
    assert summary.goodput_per_s == pytest.approx(2 / 9)
    assert summary.flood == (1, 9.0)


def test_priorities_and_kinds_are_shown_apart_where_there_are_several() -> None:
    work, course = history((0.0, 0.0, 1.0, Status.COMPLETED), (0.0, 0.0, 2.0, Status.COMPLETED))
    work.priority[1], work.kind[1], work.kinds = Priority.HIGH, 2, ("short", "HIGH")
    groups = summarise([NodePlan(1)], work, course).groups
    assert {name: found.p50 for name, found in groups.items()} == {
        "priority HIGH": 2.0,
        "priority NORMAL": 1.0,
        "kind short": 1.0,
        "kind HIGH": 2.0,
    }


def burst_history(*waits_after: float) -> tuple[Workload, Course]:
    """Ten tasks in each slice: in calm before the burst of a second each waits 1 s, in it 9 s, after it as given."""
    slice_s = 1.0 / SLICES_PER_BURST / 10
    waits = [*[1.0] * 500, *[9.0] * 500, *[wait for wait in waits_after for _ in range(10)]]
    work, course = history(
        *[((n + 0.5) * slice_s, (n + 0.5) * slice_s + wait, 100.0, Status.COMPLETED) for n, wait in enumerate(waits)]
    )
    work.spike = 1.0, 2.0
    return work, course


def came(work: Workload, course: Course) -> list[tuple[float, float]]:
    """When each task came, and how long it waited."""
    return [(at_s, began_s - at_s) for at_s, began_s in zip(work.at_s, course.began_s, strict=True)]


def test_recovery_is_until_waits_are_what_they_were_before_the_burst() -> None:
    assert recovery(*burst_history(5.0, 3.0, 1.0, 0.5)) == pytest.approx(3 / SLICES_PER_BURST)
    assert recovery(*burst_history(1.0, 1.0, 1.0)) == pytest.approx(1 / SLICES_PER_BURST)


def test_task_that_never_ran_puts_recovery_off() -> None:
    work, course = burst_history(1.0, 1.0, 1.0)
    course.began_s[1005] = inf
    assert recovery(work, course) == pytest.approx(2 / SLICES_PER_BURST)


def test_slice_of_a_short_burst_has_some_tasks_in_it() -> None:
    work, course = burst_history(*[9.0] * 20, 1.0, 1.0, 1.0)
    work.spike = 0.999, 1.0  # ten tasks come in a fiftieth of a second, none in a fiftieth of a millisecond
    found = recovery(work, course)
    assert found is not None
    assert 1.4 < found < inf


def test_flood_does_not_shorten_the_slices_in_which_recovery_is_looked_for() -> None:
    after = [*[9.0] * 20, 1.0, 1.0, 1.0]
    plain, course = burst_history(*after)
    plain.spike = 0.999, 1.0
    expected = recovery(plain, course)
    work, course = history(
        *[(0.0, 0.0, 1.0, Status.COMPLETED)] * 50_000,
        *[(at_s, at_s + wait, 100.0, Status.COMPLETED) for at_s, wait in came(plain, course)],
    )
    for task in range(50_000):
        work.client[task] = 1
    work.flood, work.spike = 1, plain.spike
    assert recovery(work, course) == expected, "else there is nothing in most of them, and nothing waits"


def test_burst_that_is_not_recovered_from_says_never_and_json_knows_no_infinity() -> None:
    work, course = burst_history(5.0, 5.0, 5.0)
    summary = summarise([NodePlan(1)], work, course)
    assert summary.recovery_s == inf
    assert json.loads(json.dumps(summary.as_dict(), allow_nan=False))["recovery_s"] is None
