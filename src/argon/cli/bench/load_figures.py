"""What the samples of an open loop show: percentiles, goodput, and how long it took to recover.

In: samples. Out: numbers. Nothing here reads a clock, waits or prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from argon.cli.bench.open_loop import Ending, Sample

WORSE_TIMES, WORSE_S = 2.0, 0.005
"""A task is late when it takes more than so many times the calm p99, or than the calm p99 and so much, whichever is
more."""
QUIET_S = 2.0
"""Recovered is who was well for so long."""


def percentile_ms(seconds: Iterable[float], percent: float) -> float | None:
    """The value that so many of a hundred are below or equal to, in ms; None of nothing.

    >>> percentile_ms([0.003, 0.001, 0.002], 50)
    2.0
    """
    ordered = sorted(seconds)
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 3)


@dataclass(frozen=True)
class PhaseFigures:
    """How the tasks that were submitted in a phase ended.

    Attributes:
        reasons: of whatever did not complete, with how many there were of each.
        p50_ms, p99_ms: the answer times of those that completed.
    """

    offered: int
    completed: int
    rejected: int
    rejected_by_client: int
    expired: int
    failed: int
    unanswered: int
    reasons: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None


def phase_figures(samples: Sequence[Sample]) -> PhaseFigures:
    """Counts and percentiles of a phase."""
    counts = Counter(sample.ending for sample in samples)
    answers_s = answer_times_s(samples, Ending.COMPLETED)
    return PhaseFigures(
        offered=len(samples),
        completed=counts[Ending.COMPLETED],
        rejected=counts[Ending.REJECTED],
        rejected_by_client=counts[Ending.REJECTED_BY_CLIENT],
        expired=counts[Ending.EXPIRED],
        failed=counts[Ending.FAILED],
        unanswered=counts[Ending.UNANSWERED],
        reasons=dict(Counter(sample.reason for sample in samples if sample.reason)),
        p50_ms=percentile_ms(answers_s, 50),
        p99_ms=percentile_ms(answers_s, 99),
    )


def answer_times_s(samples: Iterable[Sample], ending: Ending) -> list[float]:
    """How long the callers of those that ended so waited."""
    return [sample.answer_s for sample in samples if sample.ending is ending]


def completed_per_s(samples: Iterable[Sample], begin_s: float, end_s: float, within_s: float = float("inf")) -> float:
    """How many a second completed between two moments, and within so long after they were sent."""
    good = sum(
        1
        for sample in samples
        if sample.ending is Ending.COMPLETED and begin_s <= sample.answered_s < end_s and sample.answer_s <= within_s
    )
    return good / (end_s - begin_s)


def late_after_s(calm: Sequence[Sample], mean_task_s: float) -> float:
    """How long a task may take before it is late, by how long they took when all was calm."""
    levelled_s = [_levelled_s(sample, mean_task_s) for sample in calm if sample.ending is Ending.COMPLETED]
    p99_ms = percentile_ms(levelled_s, 99)
    calm_s = mean_task_s if p99_ms is None else p99_ms / 1000
    return max(WORSE_TIMES * calm_s, calm_s + WORSE_S)


@dataclass(frozen=True)
class Recovery:
    """How long after the spike tasks still did not complete or were late, and whether that is over."""

    after_s: float
    over: bool


def recovery(after: Sequence[Sample], spike_end_s: float, late_s: float, mean_task_s: float, now: float) -> Recovery:
    """By the tasks submitted after the spike, as they stand now. The moment of a task is that of its submission.

    One without an answer is late when it should have had it by now; until then it says nothing.
    """
    last_bad_s = judged_until_s = spike_end_s
    for sample in after:
        if sample.ending is not Ending.UNANSWERED:
            bad = sample.ending is not Ending.COMPLETED or _levelled_s(sample, mean_task_s) > late_s
        elif 0.0 < sample.sent_s < now - late_s - sample.task_s + mean_task_s:
            bad = True
        else:
            continue
        judged_until_s = max(judged_until_s, sample.sent_s)
        if bad:
            last_bad_s = max(last_bad_s, sample.sent_s)
    return Recovery(last_bad_s - spike_end_s, judged_until_s - last_bad_s >= QUIET_S)


def _levelled_s(sample: Sample, mean_task_s: float) -> float:
    """The answer time, had the task slept as long as the mean: so that a long task is not taken for a late one."""
    return sample.answer_s - sample.task_s + mean_task_s
