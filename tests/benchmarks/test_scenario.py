"""Streams of the scenarios come at random moments at the rate asked for, and a row tells how they fared."""

from __future__ import annotations

from itertools import pairwise

import pytest

from argon.cli.bench.open_loop import Ending, Sample
from benchmarks.scenario import Plan, at_random, row


def test_random_tasks_come_at_the_rate_asked_for() -> None:
    samples = at_random(100.0, per_s=200.0, for_s=10.0, task_s=0.5)
    assert 1800 < len(samples) < 2200
    assert all(100.0 < sample.due_s < 110.0 and sample.task_s == 0.5 for sample in samples)
    gaps_s = [late.due_s - early.due_s for early, late in pairwise(samples)]
    assert max(gaps_s) > 4 / 200  # they are not evenly spaced


def test_same_seed_gives_the_same_moments() -> None:
    def moments(seed: int) -> list[float]:
        return [sample.due_s for sample in at_random(0.0, 100.0, 1.0, seed=seed)]

    assert moments(1) == moments(1) != moments(2)


def test_row_tells_how_a_stream_fared() -> None:
    samples = [Sample(10.0, 0.0) for _ in range(5)]
    for sample, ending in zip(samples, Ending, strict=False):
        sample.sent_s, sample.answered_s, sample.ending = 10.001, 10.021, ending
    found = row(samples, client="one")
    assert found["client"] == "one"
    assert (found["offered"], found["completed"], found["rejected"], found["expired"]) == (5, 1, 2, 1)
    assert (found["mean_ms"], found["p50_ms"]) == (pytest.approx(20), pytest.approx(20))
    assert found["most_ms"] == pytest.approx(20)
    assert found["lag_p99_ms"] == pytest.approx(1)


def test_quick_plan_is_shorter() -> None:
    assert Plan(0.1).seconds(10.0) == 1.0
    assert Plan().seconds(10.0) == 10.0
