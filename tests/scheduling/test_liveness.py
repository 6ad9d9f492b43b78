"""Heartbeats and silence: load must never look like death, and death never like load."""

from __future__ import annotations

from math import inf

import pytest

from argon.protocol.messages import Welcome
from argon.scheduling.liveness import Liveness
from argon.settings import PeerLiveness


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


def test_silent_peers_are_told_before_they_are_given_up_and_those_that_stand_are_kept() -> None:
    liveness = Liveness(5.0, 12.0)
    for peer in (1, 2):
        liveness.join(peer, 100.0)
    for now in (105.0, 110.0, 111.9):
        liveness.beat(now)
        assert liveness.silent(now) == []
    assert liveness.silent(112.0) == [1, 2]
    liveness.stands(1, 109.0)
    assert liveness.silent(112.0) == [2]
    assert liveness.beat(112.0) == ([], [2])
    liveness.leave(2)
    liveness.beat(115.0)
    liveness.beat(120.0)
    assert liveness.next_deadline() == 121.0, "12 s after the moment at which it stood"
    assert liveness.beat(121.0) == ([], [1])


def test_moment_before_the_last_bytes_says_nothing_new() -> None:
    liveness = Liveness(5.0, 12.0)
    liveness.join(1, 100.0)
    liveness.heard(1, 103.0)
    liveness.stands(1, 101.0)
    liveness.stands(9, 101.0)
    for now in (105.0, 110.0):
        liveness.beat(now)
    assert liveness.next_deadline() == 115.0
    assert liveness.silent(115.0) == [1]
    assert liveness.peers() == [1]


def test_steady_is_who_has_sent_each_heartbeat_in_time_for_as_long_as_a_peer_may_be_silent() -> None:
    liveness = Liveness(4.0, 12.0)
    liveness.join(1, 100.0)
    for now in (104.0, 108.9):
        liveness.heard(1, now)
        liveness.beat(now)
    assert not liveness.is_steady(111.9)
    assert liveness.is_steady(112.0)
    assert not liveness.is_steady(114.0), "a heartbeat is late just now"
    liveness.heard(1, 114.0)
    liveness.beat(114.0)
    assert not liveness.is_steady(118.0)
    for now in (118.0, 122.0):
        liveness.heard(1, now)
        liveness.beat(now)
    assert liveness.is_steady(126.0)


@pytest.mark.parametrize(
    ("wanted", "heartbeat_s", "dead_after_s"),
    [
        (PeerLiveness(), 5.0, 15.0),
        (PeerLiveness(1.0, None), 1.0, 15.0),
        (PeerLiveness(60.0, None), 5.0, 15.0),
        (PeerLiveness(None, 60.0), 5.0, 60.0),
        (PeerLiveness(None, 1.0), 5.0, 10.0),
    ],
)
def test_peer_gets_what_it_wants_so_far_as_the_clusters_heartbeats_allow_it(
    wanted: PeerLiveness, heartbeat_s: float, dead_after_s: float
) -> None:
    liveness = Liveness.of_cluster(Welcome(1, 10, 1000, 5.0, 15.0), wanted)
    assert (liveness.heartbeat_s, liveness.dead_after_s) == (heartbeat_s, dead_after_s)
