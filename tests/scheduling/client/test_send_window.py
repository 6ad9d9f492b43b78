"""What rejections teach a client: it holds back, tries again at a price, and goes on when there is room."""

from __future__ import annotations

from math import inf

import pytest

from argon.scheduling.client.send_window import SendWindow


def most(window: SendWindow) -> float:
    """How many tasks may be outstanding, without a retry probe."""
    return next((count for count in range(1000) if not window.may_send(count)), inf)


def emptied(now: float = 100.0) -> SendWindow:
    """One that has spent what it had saved, and is blocked."""
    window = SendWindow()
    window.rejected(0, now, 2)
    while window.take_probe(0, now):
        window.rejected(0, now, 2)
    return window


def test_client_that_was_never_rejected_is_not_held_back() -> None:
    window = SendWindow()
    assert most(window) == inf
    assert not window.is_blocked()
    assert window.next_deadline() == inf


def test_rejected_client_has_what_was_admitted_until_its_pause_is_over() -> None:
    window = SendWindow()
    window.rejected(7, 101.0, 2)
    assert window.is_blocked()
    assert most(window) == 7
    assert not window.take_probe(7, 100.5)
    assert window.next_deadline() == 101.0
    assert window.take_probe(7, 101.0)
    assert most(window) == 8


def test_questions_change_nothing() -> None:
    window = emptied()
    for _ in range(3):
        assert (window.may_send(0), window.lets_pass(1), window.is_blocked()) == (False, True, True)
        assert window.next_deadline() == pytest.approx(101.0)
    assert window.take_probe(0, 101.0)


def test_answer_leaves_its_place_and_one_more_until_the_credits_are_reached() -> None:
    window = SendWindow()
    window.rejected(2, 200.0, 2)
    window.answered(5)
    window.answered(5)
    assert most(window) == 4
    window.answered(5)
    assert most(window) == inf


def test_retry_probe_that_is_not_rejected_soon_opens() -> None:
    window = SendWindow()
    window.rejected(3, 100.0, 2)
    assert window.take_probe(3, 100.0)
    moment = window.next_deadline()
    assert 100.0 < moment < 100.5
    window.open_if_silent(moment - 0.01)
    assert not window.take_probe(4, moment - 0.01), "one at a time"
    assert most(window) == 4
    window.open_if_silent(moment)
    assert most(window) == inf


def test_silence_opens_nothing_where_no_retry_probe_was_sent() -> None:
    window = SendWindow()
    window.rejected(3, 100.0, 2)
    window.open_if_silent(1000.0)
    assert most(window) == 3


def test_rejected_try_leaves_the_pause_of_the_backlog_as_it_is() -> None:
    window = SendWindow()
    window.rejected(3, 101.0, 2)
    assert window.take_try(100.5)
    assert window.rejected(3, 109.0, 2) is False
    assert window.next_deadline() == 101.0


def test_who_is_more_urgent_than_all_that_was_rejected_passes_until_the_backlog_is_open() -> None:
    window = SendWindow()
    assert not window.lets_pass(0)
    window.rejected(1, 101.0, 3)
    assert (window.lets_pass(2), window.lets_pass(3)) == (True, False)
    window.rejected(1, 101.0, 1)
    window.rejected(1, 101.0, 4)
    assert (window.lets_pass(0), window.lets_pass(1)) == (True, False)
    window.open()
    assert not window.lets_pass(0)


def test_tries_are_free_but_apart() -> None:
    window = emptied()
    assert [window.take_try(100.0 + 0.006 * n) for n in range(5)] == [True, False, True, False, True]


@pytest.mark.parametrize("opened_by", ["silence", "answers", "opening"])
def test_rejection_after_a_retry_probe_has_opened_the_backlog_answers_no_probe(opened_by: str) -> None:
    window = SendWindow()
    window.rejected(3, 100.0, 2)
    assert window.take_probe(3, 100.0)
    if opened_by == "silence":
        window.open_if_silent(window.next_deadline())
    elif opened_by == "answers":
        window.answered(4)
    else:
        window.open()
    assert most(window) == inf
    assert not window.rejected(3, 3600.0, 2), "it is the first of the next overload, and no try of those that wait"


def test_retry_probe_that_is_rejected_begins_another_pause() -> None:
    window = SendWindow()
    window.rejected(3, 100.0, 2)
    assert window.take_probe(3, 100.0)
    assert window.rejected(3, 105.0, 2)
    assert most(window) == 3
    assert not window.take_probe(3, 104.0)
    assert window.next_deadline() == 105.0


def test_room_that_an_answer_has_made_needs_no_retry_probe() -> None:
    window = emptied(100.0)
    window.rejected(2, 100.0, 2)
    window.answered(10)
    assert most(window) == 3
    assert not window.take_probe(3, 100.0)


def test_retry_probes_are_paid_for_by_seconds() -> None:
    window = emptied(100.0)
    assert window.next_deadline() == pytest.approx(101.0)
    assert not window.take_probe(0, 100.9)
    assert window.take_probe(0, 101.0)


def test_retry_probes_are_paid_for_by_five_answers_each() -> None:
    window = emptied(100.0)
    for _ in range(5):
        window.answered(1 << 20)
    window.rejected(0, 100.0, 2)
    assert window.take_probe(0, 100.0)


def test_long_quiet_saves_up_no_more_than_the_budget() -> None:
    window = emptied(100.0)
    probes = 0
    while window.take_probe(0, 10_000.0):
        probes += 1
        window.rejected(0, 10_000.0, 2)
    assert probes == 10


def test_client_with_a_credit_offer_may_send_one_task_before_the_pause_is_over() -> None:
    window = SendWindow()
    window.rejected(0, 200.0, 2)
    assert most(window) == 0
    window.credit_offered(0)
    assert most(window) == 1


def test_credit_offer_takes_nothing_from_an_open_window_nor_from_places_that_answers_left() -> None:
    window = SendWindow()
    window.credit_offered(3)
    assert most(window) == inf
    window.rejected(5, 200.0, 2)
    window.credit_offered(2)
    assert most(window) == 5
