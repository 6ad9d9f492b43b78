"""Options are compared by what they say, and say when their caller will not wait."""

from __future__ import annotations

import pytest

from argon.scheduling.task_options import TaskOptions


def test_options_that_say_the_same_are_equal() -> None:
    assert TaskOptions(priority=1, key=7) == TaskOptions(priority=1, key=7) != TaskOptions(priority=1)


@pytest.mark.parametrize(("retries", "impatient"), [(None, False), (0, True), (1, False)])
def test_caller_without_retries_wants_to_know_at_once(retries: int | None, impatient: bool) -> None:
    assert TaskOptions(retries=retries).impatient() is impatient
