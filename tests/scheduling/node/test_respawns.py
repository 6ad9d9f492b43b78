"""When workers that have died are replaced: ever later while none finishes anything, else at once."""

from __future__ import annotations

from math import inf

from argon.scheduling.node.respawns import RESPAWN_MAX_S, Respawns


def test_first_two_deaths_of_each_worker_are_due_at_once_and_only_once() -> None:
    respawns = Respawns(2)
    for _ in range(4):
        respawns.note_death(10.0)
    assert respawns.due(10.0) == 4
    assert respawns.due(10.0) == 0
    assert respawns.next_moment() == inf


def test_each_further_death_is_due_after_twice_the_pause_up_to_the_most() -> None:
    respawns = Respawns(1)
    pauses = []
    for _ in range(40):
        respawns.note_death(10.0)
        pauses.append(round(respawns.next_moment() - 10.0, 6))
        assert respawns.due(respawns.next_moment()) == 1
    assert pauses[:6] == [0.0, 0.0, 0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == RESPAWN_MAX_S


def test_run_makes_the_next_death_due_at_once() -> None:
    respawns = Respawns(1)
    for _ in range(10):
        respawns.note_death(10.0)
    respawns.note_run()
    respawns.note_death(11.0)
    assert respawns.due(11.0) >= 1


def test_deaths_that_are_due_later_wait_for_their_moment() -> None:
    respawns = Respawns(1)
    for now in (10.0, 10.0, 10.0, 10.0):
        respawns.note_death(now)
    assert respawns.due(10.0) == 2
    assert respawns.due(10.15) == 1
    assert round(respawns.next_moment(), 6) == 10.2
