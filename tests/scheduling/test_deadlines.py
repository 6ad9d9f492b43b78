"""Moments of tasks: the earliest first, and no memory of those that need none any more."""

from __future__ import annotations

from math import inf

from argon.scheduling.deadlines import Deadlines


def test_tasks_come_in_the_order_of_their_moments_and_once() -> None:
    deadlines: Deadlines[str] = Deadlines(lambda task: True)
    for moment, task in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (1.0, "later")):
        deadlines.add(moment, task)
    assert deadlines.due(0.5) == []
    assert deadlines.due(2.0) == ["a", "later", "b"]
    assert deadlines.due(2.0) == []
    assert deadlines.due(3.0) == ["c"]


def test_task_that_needs_its_moment_no_more_does_not_come() -> None:
    ended = {"a"}
    deadlines: Deadlines[str] = Deadlines(lambda task: task not in ended)
    deadlines.add(1.0, "a")
    deadlines.add(1.0, "b")
    assert deadlines.due(1.0) == ["b"]


def test_task_may_have_several_moments() -> None:
    deadlines: Deadlines[str] = Deadlines(lambda task: True)
    deadlines.add(1.0, "a")
    deadlines.add(2.0, "a")
    assert deadlines.due(2.0) == ["a", "a"]


def test_next_moment_is_the_earliest_or_infinity() -> None:
    deadlines: Deadlines[str] = Deadlines(lambda task: True)
    assert deadlines.next_moment() == inf
    deadlines.add(2.0, "b")
    deadlines.add(1.0, "a")
    assert deadlines.next_moment() == 1.0
    deadlines.due(1.0)
    assert deadlines.next_moment() == 2.0


def test_earliest_moment_is_that_of_a_task_which_still_needs_it() -> None:
    ended = {"a"}
    deadlines: Deadlines[str] = Deadlines(lambda task: task not in ended)
    assert deadlines.earliest() == inf
    for moment, task in ((1.0, "a"), (2.0, "b"), (3.0, "a")):
        deadlines.add(moment, task)
    assert (deadlines.next_moment(), deadlines.earliest()) == (1.0, 2.0)
    ended.add("b")
    assert deadlines.earliest() == inf


def test_tombstones_are_swept_so_that_memory_is_bounded_by_the_tasks_that_live() -> None:
    living = set(range(100))
    deadlines: Deadlines[int] = Deadlines(lambda task: task in living)
    for task in range(10_000):
        living.add(task)
        deadlines.add(1e9, task)
        if len(living) > 100:
            living.discard(task - 100)
    assert len(deadlines) <= 2 * 101 + 64
    assert sorted(deadlines.due(1e9)) == sorted(living)
