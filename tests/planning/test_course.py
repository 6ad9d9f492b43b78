"""What became of tasks."""

from __future__ import annotations

from math import inf

from argon.planning.course import Course


def test_task_without_an_answer_has_no_status_and_no_end() -> None:
    course = Course(2)
    course.answer(1, 3, 2.5)
    assert list(course.status) == [-1, 3]
    assert list(course.ended_s) == [inf, 2.5]
    assert course.answered == 1
