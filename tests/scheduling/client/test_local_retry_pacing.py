"""When a caller who finds no credit shall return."""

from __future__ import annotations

from random import Random

from argon.scheduling.client.local_retry_pacing import LocalRetryPacing


def steady(gap_s: float, answers: int = 50) -> LocalRetryPacing:
    """A rate that is known, with the last answer at 100.0."""
    rate = LocalRetryPacing()
    for number in range(answers):
        rate.answered(1, 4, 100.0 - gap_s * (answers - 1 - number))
    return rate


def rejected(rate: LocalRetryPacing, now: float, rng: Random) -> float:
    """A caller is rejected; returns when it shall come back."""
    after_s = rate.retry_after_s(now, rng)
    rate.rejected(now)
    return after_s


def test_question_changes_nothing() -> None:
    rate = steady(0.1)
    assert {rate.retry_after_s(100.0, Random(1)) for _ in range(100)} == {rate.retry_after_s(100.0, Random(1))}


def test_next_answer_is_expected_as_far_away_as_they_have_been() -> None:
    for gap_s in (0.05, 0.5, 2.0):
        assert 0.5 * gap_s <= steady(gap_s).retry_after_s(100.0, Random(1)) <= 1.5 * gap_s


def test_answers_that_come_together_are_as_many_places() -> None:
    rate = LocalRetryPacing()
    for number in range(50):
        rate.answered(10, 4, 100.0 + number)
    assert 0.05 <= rate.retry_after_s(149.0, Random(1)) <= 0.15


def test_callers_are_spread_and_each_is_behind_those_rejected_before() -> None:
    rate, rng = steady(0.1), Random(1)
    waits = [rejected(rate, 100.0, rng) for _ in range(40)]
    assert len(set(waits)) == 40
    assert all(0.05 * place <= wait <= 0.15 * place for place, wait in enumerate(waits, 1))


def test_nobody_shall_stay_away_for_long_however_many_come() -> None:
    rate, rng = steady(0.1), Random(1)
    assert max(rejected(rate, 100.0, rng) for _ in range(1000)) <= 7.5


def test_nobody_shall_return_at_once() -> None:
    assert LocalRetryPacing().retry_after_s(100.0, Random(1)) >= 0.01


def test_answers_that_come_take_callers_off_the_count_and_the_last_takes_all() -> None:
    rate, rng = steady(0.1), Random(1)
    for _ in range(30):
        rate.rejected(100.0)
    rate.answered(20, 4, 100.1)
    assert rate.retry_after_s(100.1, rng) <= 1.5 * 0.1 * 11
    rate.answered(1, 0, 100.2)
    assert rate.retry_after_s(100.2, rng) <= 1.5 * 0.1


def test_each_answer_lets_one_of_those_rejected_before_go() -> None:
    rate = steady(0.1)
    for _ in range(10):
        rate.rejected(100.0)
    rate.answered(1, 4, 100.1)
    assert rate.retry_after_s(100.1, Random(1)) >= 0.5 * 0.95, "nine are ahead still"


def test_answers_that_have_ceased_are_not_expected_soon() -> None:
    assert steady(0.1).retry_after_s(103.0, Random(1)) >= 1.5
