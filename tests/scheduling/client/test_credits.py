"""Whether the credits of a client allow one task more."""

from __future__ import annotations

import pytest

from argon.scheduling.client.credits import INITIAL_WINDOW_TASKS, Credits


def used(credits: Credits) -> int:
    """Sends as many tasks as are allowed; returns how many are outstanding then."""
    while credits.allow_one():
        credits.outstanding += 1
    return credits.outstanding


@pytest.mark.parametrize(("allowed", "first"), [(0, 0), (3, 3), (1000, INITIAL_WINDOW_TASKS)])
def test_client_begins_with_a_few_tasks_or_fewer(allowed: int, first: int) -> None:
    assert used(Credits(allowed)) == first


def test_credits_that_the_cluster_sends_are_all_used() -> None:
    credits = Credits(1000)
    credits.renew(40)
    assert used(credits) == 40
    credits.renew(30)
    assert not credits.allow_one()


def test_all_are_used_where_a_caller_wants_to_know_now() -> None:
    credits = Credits(40)
    credits.use_all()
    assert used(credits) == 40


@pytest.mark.parametrize(("outstanding", "more"), [(0, INITIAL_WINDOW_TASKS), (1, 40)])
def test_client_begins_with_a_few_again_when_nothing_is_outstanding(outstanding: int, more: int) -> None:
    credits = Credits(40)
    credits.renew(40)
    credits.outstanding = outstanding
    credits.end_event()
    assert used(credits) == more
