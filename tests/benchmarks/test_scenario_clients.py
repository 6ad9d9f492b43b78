"""When it is calm again after a storm follows from the tasks that were late, by the moment of their submission."""

from __future__ import annotations

import pytest

from argon.cli.bench.open_loop import Ending, Sample
from benchmarks.scenario_clients import calm_again_s


def after(late_until_s: float, ending: Ending = Ending.COMPLETED) -> list[Sample]:
    """A task every hundredth of a second for four seconds from 100; those of the beginning are late."""
    samples = []
    for number in range(401):
        sample = Sample(100.0 + number / 100, 0.02)
        sample.sent_s = sample.due_s
        late = number / 100 < late_until_s
        sample.answered_s = sample.sent_s + (0.5 if late else 0.02)
        sample.ending = ending if late else Ending.COMPLETED
        samples.append(sample)
    return samples


def test_calm_from_the_start_is_calm_at_once() -> None:
    assert calm_again_s(after(0.0), 100.0, late_s=0.04) == 0.0


def test_calm_is_back_after_the_last_late_task() -> None:
    assert calm_again_s(after(1.1), 100.0, late_s=0.04) == pytest.approx(1.1, abs=0.02)


def test_calm_is_back_after_the_last_task_that_did_not_complete() -> None:
    assert calm_again_s(after(0.3, Ending.EXPIRED), 100.0, late_s=10.0) == pytest.approx(0.3, abs=0.02)


def test_late_task_after_two_calm_seconds_is_another_matter() -> None:
    samples = after(0.3)
    samples[-1].answered_s += 1.0
    assert calm_again_s(samples, 100.0, late_s=0.04) == pytest.approx(0.3, abs=0.02)


def test_calm_that_does_not_come_is_none() -> None:
    assert calm_again_s(after(9.0), 100.0, late_s=0.04) is None
