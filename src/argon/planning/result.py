"""The numbers of one run: goodput, waits, rejections, utilisation, and how soon waits are calm again after a burst.

In: a workload and the course of its tasks. Out: numbers, in seconds. Percentiles are by nearest rank, over completed
tasks. The flood of a greedy client has a row of its own, and is in no other number but goodput and utilisation.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, inf
from typing import Any, Final

from argon.planning.course import Course
from argon.planning.node_plan import NodePlan
from argon.planning.service import FIRST_KIND
from argon.planning.workload import Workload
from argon.protocol.messages import Status
from argon.settings import Priority

KINDS_SHOWN: Final = 8
SLICES_PER_BURST: Final = 50
TASKS_PER_SLICE: Final = 10
"""Recovery is looked for in slices of time: so many to a burst, unless so few tasks come in one in calm."""

_INSTANT_S: Final = 1e-9


@dataclass(frozen=True)
class Percentiles:
    """The mean and three percentiles of some seconds."""

    mean: float
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True)
class Summary:
    """The numbers of one run; None where there is nothing to count.

    Attributes:
        lasted_s: from the first submission to the last answer.
        goodput_per_s: completed tasks in a second of that.
        wait: from submission until a worker begins; total: until its caller has the answer.
        utilisation: the share of that time for which the workers were occupied.
        recovery_s: from the end of the burst until waits are what they were before it; infinity if never.
        groups: the total of the tasks of each priority and of each kind, where there are several.
        flood: how many tasks of the greedy client completed, and in how many seconds from its submission.
    """

    tasks: int
    completed: int
    rejected: int
    expired: int
    lasted_s: float
    goodput_per_s: float
    wait: Percentiles | None
    total: Percentiles | None
    utilisation: float
    recovery_s: float | None
    flood: tuple[int, float] | None
    groups: dict[str, Percentiles]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, which knows no infinity."""
        return {**asdict(self), "recovery_s": None if self.recovery_s == inf else self.recovery_s}


def summarise(fleet: Sequence[NodePlan], work: Workload, course: Course) -> Summary:
    """The numbers of a finished run."""
    watched = work.watched()
    counts = Counter(course.status[task] for task in watched)
    done = [task for task in watched if course.status[task] == Status.COMPLETED]
    every = sum(status == Status.COMPLETED for status in course.status)
    lasted_s = max(max(course.ended_s) - work.at_s[0], _INSTANT_S)
    workers = sum(plan.workers for plan in fleet)
    return Summary(
        tasks=len(watched),
        completed=len(done),
        rejected=counts[Status.REJECTED],
        expired=counts[Status.EXPIRED],
        lasted_s=lasted_s,
        goodput_per_s=every / lasted_s,
        wait=percentiles([course.began_s[task] - work.at_s[task] for task in done]),
        total=percentiles([course.ended_s[task] - work.at_s[task] for task in done]),
        utilisation=course.busy_s / (workers * lasted_s),
        recovery_s=recovery(work, course),
        flood=_flood(work, course),
        groups=_groups(work, course, done),
    )


def percentiles(seconds: list[float]) -> Percentiles | None:
    """The percentiles by nearest rank, None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)

    def nearest(share: float) -> float:
        return ordered[max(0, ceil(share * len(ordered) - 1e-9) - 1)]

    return Percentiles(sum(ordered) / len(ordered), nearest(0.5), nearest(0.99), nearest(0.999))


def recovery(work: Workload, course: Course) -> float | None:
    """When waits are calm again: the end of the first slice of time after the burst in which every task was begun, and
    waited on average no longer than in the worst slice before the burst. From the end of the burst; None without one.
    """
    if work.spike is None:
        return None
    begin_s, end_s = work.spike
    calm_gap_s = begin_s / max(1, bisect_left(work.watched(), begin_s, key=work.at_s.__getitem__))
    slice_s = max((end_s - begin_s) / SLICES_PER_BURST, TASKS_PER_SLICE * calm_gap_s)
    calm_s = max(mean_waits(work, course, 0.0, begin_s, slice_s), default=0.0)
    after = mean_waits(work, course, end_s, work.at_s[-1], slice_s)
    for number, wait_s in enumerate(after, 1):
        if wait_s <= calm_s:
            return number * slice_s
    return inf


def mean_waits(work: Workload, course: Course, begin_s: float, end_s: float, slice_s: float) -> list[float]:
    """The mean wait of the tasks that came in each slice of time, infinity where one of them never ran."""
    slices = max(0, ceil((end_s - begin_s) / slice_s - 1e-9))
    sums, counts = [0.0] * slices, [0] * slices
    for task in work.watched():
        number = int((work.at_s[task] - begin_s) / slice_s)
        if work.at_s[task] >= begin_s and number < slices:
            counts[number] += 1
            sums[number] += course.began_s[task] - work.at_s[task]
    return [total / count if count else 0.0 for total, count in zip(sums, counts, strict=True)]


def _groups(work: Workload, course: Course, done: Sequence[int]) -> dict[str, Percentiles]:
    totals: dict[str, list[float]] = {}
    priorities, kinds = sorted(set(work.priority)), range(FIRST_KIND, FIRST_KIND + len(work.kinds))
    for column, values, names in (
        (work.priority, priorities, [f"priority {Priority(priority).name}" for priority in priorities]),
        (work.kind, kinds[:KINDS_SHOWN], [f"kind {name}" for name in work.kinds]),
    ):
        if len(values) > 1:
            group = {value: totals.setdefault(name, []) for value, name in zip(values, names, strict=False)}
            for task in done:
                if column[task] in group:
                    group[column[task]].append(course.ended_s[task] - work.at_s[task])
    return {name: found for name, seconds in totals.items() if (found := percentiles(seconds))}


def _flood(work: Workload, course: Course) -> tuple[int, float] | None:
    if work.flood is None:
        return None
    tasks = [task for task in range(len(work)) if work.client[task] == work.flood]
    completed = [task for task in tasks if course.status[task] == Status.COMPLETED]
    return len(completed), max((course.ended_s[task] for task in completed), default=0.0) - work.at_s[tasks[0]]
