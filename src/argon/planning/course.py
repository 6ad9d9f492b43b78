"""What became of the tasks of a workload.

In: that a task began, or was answered. Out: plain numbers. It must never decide anything.
"""

from __future__ import annotations

from array import array
from math import inf


class Course:
    """What happens to each task of a workload: when a worker began it, when its caller was answered, and how.

    ``busy_s`` is the time of all workers together.
    """

    def __init__(self, tasks: int) -> None:
        self.began_s = array("d", [inf]) * tasks
        self.ended_s = array("d", [inf]) * tasks
        self.status = array("b", [-1]) * tasks
        self.answered = 0
        self.busy_s = 0.0

    def answer(self, task: int, status: int, now: float) -> None:
        """Notes the answer to a task."""
        self.ended_s[task] = now
        self.status[task] = status
        self.answered += 1
