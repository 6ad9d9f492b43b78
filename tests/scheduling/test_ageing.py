"""Whose turn it is: the most urgent, and a bounded part of the work for what has aged."""

from __future__ import annotations

from collections import Counter

import pytest

from argon.scheduling.ageing import AGED_SHARE, Ageing

NOW = 1000.0
OLD, FRESH = NOW - 1e5, NOW


def turns(ageing: Ageing, count: int, since: dict[int, float], work: dict[int, float] | None = None) -> list[int]:
    """So many turns, all at one moment, of priorities of which something always waits."""
    levels = sorted(since)
    taken = []
    for _ in range(count):
        level, aged_levels = ageing.turn(levels, [since[level] for level in levels], NOW)
        ageing.charge(level, levels[0], 1.0 if work is None else work[level], aged_levels)
        taken.append(level)
    return taken


@pytest.mark.parametrize(("level", "urgent"), [(1, 0), (4, 0), (4, 2), (3, 1)])
def test_priority_has_aged_when_it_has_waited_one_step_for_each_priority_between(level: int, urgent: int) -> None:
    steps = 2.0 * (level - urgent)
    assert Ageing(2.0).turn([urgent, level], [OLD, NOW - steps], NOW) == (level, 1)
    assert Ageing(2.0).turn([urgent, level], [OLD, NOW - steps + 0.01], NOW) == (urgent, 0)


def test_what_has_not_aged_waits_however_often_others_go() -> None:
    assert set(turns(Ageing(1.0), 100, {0: OLD, 4: NOW - 3.9})) == {0}


def test_what_has_aged_goes_at_once_and_then_has_every_eighth_turn() -> None:
    taken = turns(Ageing(1.0), 33, {0: FRESH, 3: OLD})
    assert taken == [3, *([0] * 7 + [3]) * 4]


def test_nothing_is_saved_up_by_what_was_not_there() -> None:
    ageing = Ageing(1.0)
    assert set(turns(ageing, 1000, {0: FRESH})) == {0}
    assert Counter(turns(ageing, 80, {0: FRESH, 3: OLD}))[3] == 10


def test_several_that_have_aged_share_the_part_of_one() -> None:
    taken = Counter(turns(Ageing(1.0), 8 * 60, {0: FRESH, 1: OLD, 3: OLD, 4: OLD}))
    assert taken[0] == pytest.approx(8 * 60 * 7 / 8, abs=3)
    assert taken[1] == taken[3] == taken[4] == 20


def test_share_is_of_the_work_and_not_of_the_turns() -> None:
    work = {0: 0.02, 3: 60.0}
    taken = Counter(turns(Ageing(1.0), 100_000, {0: FRESH, 3: OLD}, work))
    assert taken[3] * work[3] <= taken[0] * work[0] / (AGED_SHARE - 1) + work[3]
    assert taken[3] >= 4


def test_what_takes_long_does_not_keep_out_another_that_has_aged() -> None:
    ageing = Ageing(1.0)
    work = {0: 0.03125, 3: 60.0, 4: 0.03125}
    assert turns(ageing, 1, {0: FRESH, 3: OLD}, work) == [3]
    assert turns(ageing, 17, {0: FRESH, 3: OLD, 4: OLD}, work) == [4, *[0] * 14, 4, 0], "it has its half of the eighth"


def test_longest_without_a_turn_goes_first_of_those_that_have_aged() -> None:
    ageing = Ageing(1.0)
    assert turns(ageing, 1, {0: FRESH, 2: OLD}) == [2]
    assert turns(ageing, 9, {0: FRESH}) == [0] * 9
    assert turns(ageing, 3, {0: FRESH, 2: OLD, 4: OLD}) == [4, 2, 0]


def test_less_urgent_goes_where_nothing_else_waits() -> None:
    ageing = Ageing(1.0)
    assert turns(ageing, 5, {4: FRESH}) == [4] * 5
    assert turns(ageing, 2, {3: FRESH, 4: FRESH}) == [3, 3]
