"""Goodput, percentiles and the recovery follow from the samples alone."""

from __future__ import annotations

import pytest

from argon.cli.bench.load_figures import (
    QUIET_S,
    Recovery,
    completed_per_s,
    late_after_s,
    percentile_ms,
    phase_figures,
    recovery,
)
from argon.cli.bench.open_loop import Ending, Sample


def sample(sent_s: float, answer_s: float, ending: Ending = Ending.COMPLETED, task_s: float = 0.02) -> Sample:
    made = Sample(sent_s, task_s)
    made.sent_s, made.answered_s, made.ending = sent_s, sent_s + answer_s, ending
    if ending is not Ending.COMPLETED:
        made.reason = ending.upper()
    return made


def well(begin_s: float, end_s: float) -> list[Sample]:
    """Tasks that take 20 ms, one every tenth of a second."""
    return [sample(begin_s + number / 10, 0.02) for number in range(round((end_s - begin_s) * 10))]


def recovered(after: list[Sample], now: float = 1000.0) -> Recovery:
    return recovery(after, spike_end_s=100.0, late_s=0.04, mean_task_s=0.02, now=now)


def test_percentile_is_a_value_that_was_measured() -> None:
    values = [number / 1000 for number in range(1, 101)]
    assert percentile_ms(values, 50) == 51.0
    assert percentile_ms(values, 99) == 100.0
    assert percentile_ms([0.007], 99) == 7.0


def test_percentile_of_nothing_is_nothing() -> None:
    assert percentile_ms([], 50) is None


def test_every_ending_is_counted_once_and_only_completed_tasks_are_timed() -> None:
    endings = list(Ending)
    figures = phase_figures([sample(0.0, 0.5, ending) for ending in endings] + [sample(0.0, 0.1)])
    assert figures.offered == len(endings) + 1
    assert figures.completed == 2
    assert [figures.rejected, figures.rejected_by_client, figures.expired, figures.failed, figures.unanswered] == [
        1
    ] * 5
    assert (figures.p50_ms, figures.p99_ms) == (500.0, 500.0)
    assert figures.reasons["REJECTED"] == 1


def test_goodput_counts_by_the_moment_of_the_answer() -> None:
    samples = [
        sample(9.9, 0.2),
        sample(10.5, 0.2),
        sample(11.9, 0.2),
    ]  # the first was sent before, the last answered after
    assert completed_per_s(samples, 10.0, 12.0) == 1.0


def test_goodput_leaves_out_answers_beyond_the_slo_and_what_did_not_complete() -> None:
    samples = [sample(10.0, 0.6), sample(10.0, 0.5), sample(10.0, 0.1, Ending.REJECTED)]
    assert completed_per_s(samples, 10.0, 11.0, within_s=0.55) == 1.0
    assert completed_per_s(samples, 10.0, 11.0) == 2.0


@pytest.mark.parametrize(("calm_ms", "late_ms"), [(20, 40), (4, 9)])
def test_late_is_twice_the_calm_p99_or_five_milliseconds_more(calm_ms: int, late_ms: int) -> None:
    assert late_after_s([sample(0.0, calm_ms / 1000)] * 10, mean_task_s=0.02) == pytest.approx(late_ms / 1000)


def test_long_task_does_not_make_the_calm_look_slow() -> None:
    calm = [sample(0.0, 0.02)] * 10 + [sample(0.0, 1.0, task_s=1.0)]
    assert late_after_s(calm, mean_task_s=0.02) == pytest.approx(0.04)


def test_without_a_calm_task_the_mean_stands_for_its_answer_time() -> None:
    assert late_after_s([], mean_task_s=0.02) == pytest.approx(0.04)


def test_recovery_is_nothing_when_all_is_well_at_once() -> None:
    assert recovered(well(100.0, 103.0)) == Recovery(0.0, True)


def test_recovery_lasts_until_the_last_late_task() -> None:
    after = [sample(100.0, 0.3), sample(100.5, 0.041), *well(100.6, 103.0)]
    assert recovered(after).after_s == pytest.approx(0.5)
    assert recovered(after).over


@pytest.mark.parametrize("ending", [Ending.REJECTED, Ending.REJECTED_BY_CLIENT, Ending.EXPIRED, Ending.FAILED])
def test_recovery_lasts_until_the_last_task_that_did_not_complete(ending: Ending) -> None:
    assert recovered([sample(100.25, 0.001, ending), *well(100.3, 103.0)]).after_s == pytest.approx(0.25)


def test_recovery_is_not_over_before_it_was_quiet_for_a_while() -> None:
    after = [sample(100.5, 0.3), *well(100.6, 100.5 + QUIET_S)]
    assert not recovered(after).over


def test_task_that_is_long_by_itself_is_not_late() -> None:
    assert recovered([sample(100.5, 1.0, task_s=0.99), *well(100.6, 103.0)]).after_s == 0.0


def test_unanswered_task_is_bad_once_it_should_have_been_answered() -> None:
    after = [*well(100.0, 103.0), sample(103.0, 0.0, Ending.UNANSWERED)]
    assert recovered(after, now=103.03).after_s == 0.0
    assert recovered(after, now=103.05).after_s == pytest.approx(3.0)


def test_task_that_was_not_submitted_yet_says_nothing() -> None:
    waiting = Sample(104.0, 0.02)
    assert recovered([*well(100.0, 103.0), waiting]).after_s == 0.0
