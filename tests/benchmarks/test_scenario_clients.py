"""When it is calm again after a storm follows from windows of tasks, by the moment of their submission."""

from __future__ import annotations

from argon.cli.bench_open_loop import Ending, Sample
from benchmarks.scenario_clients import WINDOW_S, calm_again_s


def after(late_until_s: float, ending: Ending = Ending.COMPLETED) -> list[Sample]:
    """A task every hundredth of a second for three seconds from 100; those of the beginning are late."""
    samples = []
    for number in range(301):
        sample = Sample(100.0 + number / 100, 0.02)
        sample.sent_s = sample.due_s
        late = number / 100 < late_until_s
        sample.answered_s = sample.sent_s + (0.5 if late else 0.02)
        sample.ending = ending if late else Ending.COMPLETED
        samples.append(sample)
    return samples


def test_calm_from_the_start_is_calm_at_once() -> None:
    assert calm_again_s(after(0.0), 100.0, late_s=0.04) == 0.0


def test_window_with_a_late_task_is_not_calm() -> None:
    assert calm_again_s(after(1.1), 100.0, late_s=0.04) == 1.25
    assert calm_again_s(after(1.0), 100.0, late_s=0.04) == 1.0


def test_window_with_a_task_that_did_not_complete_is_not_calm() -> None:
    assert calm_again_s(after(0.3, Ending.EXPIRED), 100.0, late_s=10.0) == 2 * WINDOW_S


def test_calm_that_does_not_come_is_none() -> None:
    assert calm_again_s(after(9.0), 100.0, late_s=0.04) is None
