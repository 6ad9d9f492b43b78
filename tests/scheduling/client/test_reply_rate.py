"""When a caller who finds no credit is told to return."""

from __future__ import annotations

from random import Random

from argon.scheduling.client.reply_rate import AnswerPace


def steady(gap_s: float, answers: int = 50) -> AnswerPace:
    """A pace that is known, with the last answer at 100.0."""
    pace = AnswerPace()
    for number in range(answers):
        pace.answered(1, 4, 100.0 - gap_s * (answers - 1 - number))
    return pace


def test_next_answer_is_expected_as_far_away_as_they_have_been() -> None:
    for gap_s in (0.05, 0.5, 2.0):
        assert 0.5 * gap_s <= steady(gap_s).retry_after_s(100.0, Random(1)) <= 1.5 * gap_s


def test_answers_that_come_together_are_as_many_places() -> None:
    pace = AnswerPace()
    for number in range(50):
        pace.answered(10, 4, 100.0 + number)
    assert 0.05 <= pace.retry_after_s(149.0, Random(1)) <= 0.15


def test_callers_are_spread_and_each_is_behind_those_told_before() -> None:
    pace, rng = steady(0.1), Random(1)
    waits = [pace.retry_after_s(100.0, rng) for _ in range(40)]
    assert len(set(waits)) == 40
    assert all(0.05 * place <= wait <= 0.15 * place for place, wait in enumerate(waits, 1))


def test_nobody_is_told_to_stay_away_for_long_however_many_come() -> None:
    pace, rng = steady(0.1), Random(1)
    assert max(pace.retry_after_s(100.0, rng) for _ in range(1000)) <= 7.5


def test_nobody_is_told_to_return_at_once() -> None:
    assert AnswerPace().retry_after_s(100.0, Random(1)) >= 0.01


def test_answers_that_come_take_callers_off_the_count_and_the_last_takes_all() -> None:
    pace, rng = steady(0.1), Random(1)
    for _ in range(30):
        pace.retry_after_s(100.0, rng)
    pace.answered(20, 4, 100.1)
    assert pace.retry_after_s(100.1, rng) <= 1.5 * 0.1 * 11
    pace.answered(1, 0, 100.2)
    assert pace.retry_after_s(100.2, rng) <= 1.5 * 0.1


def test_each_answer_lets_one_of_those_told_before_go() -> None:
    pace = steady(0.1)
    for _ in range(10):
        pace.retry_after_s(100.0, Random(1))
    pace.answered(1, 4, 100.1)
    assert pace.retry_after_s(100.1, Random(1)) >= 0.5 * 0.95, "nine are ahead still"


def test_answers_that_have_ceased_are_not_expected_soon() -> None:
    assert steady(0.1).retry_after_s(103.0, Random(1)) >= 1.5
