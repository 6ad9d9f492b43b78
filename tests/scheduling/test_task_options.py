"""Options cannot change under a task that has them."""

from __future__ import annotations

import pytest

from argon.scheduling.task_options import TaskOptions


def test_options_do_not_change() -> None:
    options = TaskOptions()
    with pytest.raises(AttributeError):
        options.priority = 0  # type: ignore[misc]
