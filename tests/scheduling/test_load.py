"""What tasks take: averages that follow, forget with time, and stay bounded."""

from __future__ import annotations

import pytest

from argon.scheduling.load import TRIAL_EVERY_S, Average, ServiceTimes
from tests.support.drivers import runs_of


def times(**kinds: float) -> ServiceTimes:
    found = ServiceTimes()
    for kind, seconds in kinds.items():
        found.add(int(kind[1:]), runs_of(seconds), 0.0)
    return found


def test_average_moves_a_tenth_towards_a_sample_at_once() -> None:
    average = Average(1.0, 0.0)
    average.add(2.0, 0.0)
    assert average.mean_s == pytest.approx(1.1)


def test_average_believes_more_after_a_long_silence() -> None:
    average = Average(1.0, 0.0)
    average.add(2.0, 30.0)
    assert average.mean_s == pytest.approx(1.55)
    average.add(10.0, 1e6)
    assert average.mean_s == pytest.approx(10.0, rel=0.01)


def test_average_reaches_a_new_level_within_fifty_samples() -> None:
    average = Average(0.001, 0.0)
    for step in range(50):
        average.add(0.1, step * 0.01)
    assert average.mean_s == pytest.approx(0.1, rel=0.02)


def test_kind_never_seen_has_no_time() -> None:
    assert ServiceTimes().of(1) is None
    assert ServiceTimes().typical_log(1) is None
    assert ServiceTimes().mean_s() == 0.0


def test_first_sample_is_the_average_of_its_kind() -> None:
    seen = times(k1=2.0, k2=4.0)
    assert (seen.of(1), seen.of(2)) == (2.0, 4.0)
    assert seen.mean_s() == pytest.approx(3.0)


def test_kinds_are_bounded_and_the_one_unused_for_longest_is_forgotten() -> None:
    seen = ServiceTimes()
    for kind in range(1024):
        seen.add(kind, runs_of(1.0), float(kind))
    seen.add(0, runs_of(1.0), 2000.0)
    assert seen.of(1) == 1.0
    seen.add(5000, runs_of(1.0), 2001.0)
    assert seen.of(1) is None, "also if it was the last that was asked about"
    assert seen.of(0) == 1.0
    assert sum(seen.of(kind) is not None for kind in range(6000)) == 1024


def test_first_ten_samples_of_a_kind_count_alike_and_later_ones_a_tenth_each() -> None:
    seen = ServiceTimes()
    for seconds in (10.0, 1.0, 1.0, 2.0):
        seen.add(1, runs_of(seconds), 0.0)
    assert seen.of(1) == pytest.approx(3.5)
    for _ in range(100):
        seen.add(1, runs_of(1.0), 0.0)
    seen.add(1, runs_of(2.0), 0.0)
    assert seen.of(1) == pytest.approx(1.1, rel=0.01)


def test_runs_noted_together_count_as_if_each_had_come_by_itself() -> None:
    together, apart = ServiceTimes(), ServiceTimes()
    for _ in range(5):
        together.add(1, runs_of(*[0.5] * 20), 0.0)
        for _ in range(20):
            apart.add(1, runs_of(0.5), 0.0)
    together.add(1, runs_of(*[2.0] * 3), 0.0)
    for _ in range(3):
        apart.add(1, runs_of(2.0), 0.0)
    assert together.of(1) == pytest.approx(apart.of(1))
    assert together.typical_log(1) == pytest.approx(apart.typical_log(1))


def test_kind_believes_more_after_a_long_silence() -> None:
    seen = times(k1=1.0)
    for _ in range(50):
        seen.add(1, runs_of(1.0), 0.0)
    seen.add(1, runs_of(10.0), 1e6)
    assert seen.of(1) == pytest.approx(10.0, rel=0.01)


def test_overall_mean_is_not_swayed_by_a_few_of_the_long_ones() -> None:
    seen = ServiceTimes()
    for turn in range(2000):
        seen.add(turn % 20 == 0, runs_of(0.1 if turn % 20 == 0 else 0.001), 0.0)
    assert 0.003 < seen.mean_s() < 0.012, "5 % of 100 ms and 95 % of 1 ms"


def test_task_that_typically_takes_longer_than_is_left_is_too_long() -> None:
    seen = ServiceTimes()
    seen.add(1, runs_of(*[0.001] * 19, 1.0), 0.0)
    assert not seen.too_long(1, 0.01), "most are done in time, although the mean is not"
    assert seen.too_long(1, 0.0005)
    assert not seen.too_long(2, 0.0005), "nothing is known of this kind"


def test_few_samples_are_not_believed() -> None:
    seen = ServiceTimes()
    seen.add(1, runs_of(*[1.0] * 4), 0.0)
    assert not seen.too_long(1, 0.5)
    seen.add(1, runs_of(1.0), 0.0)
    assert seen.too_long(1, 0.5)


def test_now_and_then_a_task_of_a_kind_that_is_too_long_is_admitted_for_a_trial() -> None:
    seen = ServiceTimes()
    seen.add(1, runs_of(*[1.0] * 5), 0.0)
    assert not seen.admit_trial(1, 0.9 * TRIAL_EVERY_S)
    assert [seen.admit_trial(1, TRIAL_EVERY_S) for _ in range(3)] == [True, False, False]
    assert [seen.admit_trial(1, 2 * TRIAL_EVERY_S) for _ in range(2)] == [True, False]


def test_asking_whether_a_kind_is_too_long_admits_none() -> None:
    seen = ServiceTimes()
    seen.add(1, runs_of(*[1.0] * 5), 0.0)
    assert [seen.too_long(1, 0.5) for _ in range(3)] == [True, True, True]
    assert seen.admit_trial(1, TRIAL_EVERY_S)


def test_task_that_is_admitted_for_a_trial_and_must_wait_is_admitted_once_more_when_its_turn_comes() -> None:
    seen = ServiceTimes()
    seen.add(1, runs_of(*[1.0] * 5), 0.0)
    assert [seen.admit_trial(1, TRIAL_EVERY_S, waits=True) for _ in range(2)] == [True, False]
    assert [seen.admit_trial(1, TRIAL_EVERY_S + 0.1) for _ in range(2)] == [True, False]
