"""What rejections teach a client: it holds back, asks again at a price, and goes on when there is room."""

from __future__ import annotations

from math import inf

import pytest

from argon.scheduling.client.send_window import OPEN, Restraint


def emptied(now: float = 100.0) -> Restraint:
    """One that has spent what it had saved, and is held back."""
    restraint = Restraint()
    restraint.limit(0, now)
    while True:
        restraint.rejected(0, now, 2)
        if restraint.limit(0, now) == 0:
            return restraint


def test_who_was_never_rejected_is_not_held_back() -> None:
    restraint = Restraint()
    assert restraint.limit(1000, 1.0) == OPEN
    assert restraint.next_deadline() == inf


def test_rejected_client_has_what_was_admitted_until_its_pause_is_over() -> None:
    restraint = Restraint()
    restraint.rejected(7, 101.0, 2)
    assert restraint.limit(7, 100.5) == 7
    assert restraint.next_deadline() == 101.0
    assert restraint.limit(7, 101.0) == 8


def test_answer_leaves_its_place_and_one_more_until_the_credits_are_reached() -> None:
    restraint = Restraint()
    restraint.rejected(2, 200.0, 2)
    restraint.answered(5)
    restraint.answered(5)
    assert restraint.limit(0, 100.0) == 4
    restraint.answered(5)
    assert restraint.limit(4, 100.0) == OPEN


def test_knock_that_is_not_rejected_soon_opens() -> None:
    restraint = Restraint()
    restraint.rejected(3, 100.0, 2)
    assert restraint.limit(3, 100.0) == 4
    moment = restraint.next_deadline()
    assert 100.0 < moment < 100.5
    assert restraint.limit(4, moment - 0.01) == 4
    assert restraint.limit(4, moment) == OPEN


def test_rejected_try_leaves_the_pause_of_the_line_as_it_is() -> None:
    restraint = Restraint()
    restraint.rejected(3, 101.0, 2)
    assert restraint.allows_try(100.5)
    assert restraint.rejected(3, 109.0, 2) is False
    assert restraint.next_deadline() == 101.0


def test_who_is_more_urgent_than_all_that_was_rejected_passes_until_the_line_is_open() -> None:
    restraint = Restraint()
    assert not restraint.lets_pass(0)
    restraint.rejected(1, 101.0, 3)
    assert (restraint.lets_pass(2), restraint.lets_pass(3)) == (True, False)
    restraint.rejected(1, 101.0, 1)
    restraint.rejected(1, 101.0, 4)
    assert (restraint.lets_pass(0), restraint.lets_pass(1)) == (True, False)
    restraint.forget()
    assert not restraint.lets_pass(0)


def test_tries_are_free_but_apart() -> None:
    restraint = emptied()
    assert [restraint.allows_try(100.0 + 0.006 * n) for n in range(5)] == [True, False, True, False, True]


@pytest.mark.parametrize("opened_by", ["silence", "answers", "forgetting"])
def test_rejection_after_a_knock_has_opened_the_line_answers_no_knock(opened_by: str) -> None:
    restraint = Restraint()
    restraint.rejected(3, 100.0, 2)
    restraint.limit(3, 100.0)
    if opened_by == "silence":
        restraint.limit(4, restraint.next_deadline())
    elif opened_by == "answers":
        restraint.answered(4)
    else:
        restraint.forget()
    assert restraint.limit(4, 100.0) == OPEN
    assert not restraint.rejected(3, 3600.0, 2), "it is the first of the next overload, and no try of those that wait"


def test_knock_that_is_rejected_begins_another_pause() -> None:
    restraint = Restraint()
    restraint.rejected(3, 100.0, 2)
    restraint.limit(3, 100.0)
    restraint.rejected(3, 105.0, 2)
    assert restraint.limit(3, 104.0) == 3
    assert restraint.next_deadline() == 105.0


def test_knock_is_not_paid_for_where_an_answer_has_made_room() -> None:
    restraint = emptied(100.0)
    restraint.rejected(2, 100.0, 2)
    restraint.answered(10)
    assert restraint.limit(1, 100.0) == 3
    assert restraint.limit(2, 100.0) == 3
    assert restraint.limit(3, 100.0) == 3


def test_knocks_are_paid_for_by_seconds() -> None:
    restraint = emptied(100.0)
    assert restraint.next_deadline() == pytest.approx(101.0)
    assert restraint.limit(0, 100.9) == 0
    assert restraint.limit(0, 101.0) == 1


def test_knocks_are_paid_for_by_five_answers_each() -> None:
    restraint = emptied(100.0)
    for _ in range(5):
        restraint.answered(1 << 20)
    restraint.rejected(0, 100.0, 2)
    assert restraint.limit(0, 100.0) == 1


def test_long_quiet_saves_up_no_more_than_the_budget() -> None:
    restraint = emptied(100.0)
    knocks = 0
    while restraint.limit(0, 10_000.0):
        knocks += 1
        restraint.rejected(0, 10_000.0, 2)
    assert knocks == 10


def test_forgetting_opens() -> None:
    restraint = Restraint()
    restraint.rejected(0, 1000.0, 2)
    restraint.forget()
    assert restraint.limit(0, 1.0) == OPEN


def test_who_is_invited_may_send_one_task_before_the_pause_is_over() -> None:
    restraint = Restraint()
    restraint.rejected(0, 200.0, 2)
    assert restraint.limit(0, 100.0) == 0
    restraint.invited(0)
    assert restraint.limit(0, 100.0) == 1
    assert restraint.limit(1, 100.0) == 1


def test_invitation_takes_nothing_from_who_is_not_held_back_nor_from_places_that_answers_left() -> None:
    restraint = Restraint()
    restraint.invited(3)
    assert restraint.limit(3, 100.0) == OPEN
    restraint.rejected(5, 200.0, 2)
    restraint.invited(2)
    assert restraint.limit(2, 100.0) == 5
