"""Heartbeats and silence: load must never look like death, and death never like load."""

from __future__ import annotations

from math import inf

from argon.scheduling.liveness import Liveness


def test_nobody_there_is_nothing_to_do() -> None:
    liveness = Liveness(5.0, 15.0)
    assert liveness.next_deadline() == inf
    assert liveness.beat(1e9) == ([], [])


def test_heartbeats_are_due_each_period() -> None:
    liveness = Liveness(5.0, 15.0)
    liveness.join(1, 100.0)
    assert liveness.next_deadline() == 105.0
    assert liveness.beat(104.9) == ([], [])
    assert liveness.beat(105.0) == ([1], [])
    assert liveness.beat(105.1) == ([], [])
    assert liveness.next_deadline() == 110.0


def test_peer_silent_for_longer_than_dead_after_is_dead_and_gets_no_heartbeat() -> None:
    liveness = Liveness(5.0, 12.0)
    liveness.join(1, 100.0)
    liveness.join(2, 100.0)
    for now in (105.0, 110.0):
        assert liveness.beat(now) == ([1, 2], [])
        liveness.heard(2, now)
    assert liveness.next_deadline() == 112.0, "between two beats, so that a death is not noticed a heartbeat late"
    assert liveness.beat(111.9) == ([], [])
    assert liveness.beat(112.0) == ([], [1])
    liveness.leave(1)
    assert liveness.next_deadline() == 115.0
    assert liveness.beat(115.0) == ([2], [])


def test_peer_heard_before_its_time_is_over_is_looked_at_again_later() -> None:
    liveness = Liveness(5.0, 12.0)
    liveness.join(1, 100.0)
    for now in (105.0, 110.0):
        liveness.beat(now)
    liveness.heard(1, 111.0)
    assert liveness.beat(112.0) == ([], [])
    assert liveness.next_deadline() == 115.0
    liveness.beat(115.0)
    liveness.beat(120.0)
    assert liveness.next_deadline() == 123.0


def test_dead_after_decides() -> None:
    def dies_at(dead_after_s: float) -> float:
        liveness = Liveness(1.0, dead_after_s)
        liveness.join(1, 0.0)
        return next(float(now) for now in range(1, 100) if liveness.beat(float(now))[1])

    assert dies_at(3.5) == 4.0
    assert dies_at(20.0) == 20.0


def test_silence_after_this_side_slept_is_forgiven_once() -> None:
    liveness = Liveness(5.0, 15.0)
    liveness.join(1, 100.0)
    assert liveness.beat(160.0) == ([1], [])
    for now in (165.0, 170.0):
        assert liveness.beat(now) == ([1], [])
    assert liveness.beat(175.0) == ([], [1])


def test_little_lateness_is_no_excuse() -> None:
    liveness = Liveness(5.0, 12.0)
    liveness.join(1, 100.0)
    late = [liveness.beat(moment) for moment in (105.5, 111.0, 116.5)]
    assert [silent for _, silent in late] == [[], [], [1]]


def test_peer_that_left_is_forgotten() -> None:
    liveness = Liveness(5.0, 15.0)
    liveness.join(1, 100.0)
    liveness.leave(1)
    liveness.leave(2)
    assert liveness.next_deadline() == inf
    assert liveness.beat(200.0) == ([], [])


def test_peer_that_joins_later_does_not_move_the_beat() -> None:
    liveness = Liveness(5.0, 15.0)
    liveness.join(1, 100.0)
    liveness.join(2, 104.0)
    assert liveness.next_deadline() == 105.0
