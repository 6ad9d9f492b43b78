"""Who is cut off when too much waits to be sent, and who never is."""

from __future__ import annotations

from typing import Any

from argon.net.slow_readers import SlowReaders

MIB = 1 << 20


class Flow:
    """What has left for one peer, and what waits."""

    def __init__(self, waiting: int, pace: int) -> None:
        self.left = 0
        self.waiting = waiting
        self.pace = pace

    def flow(self) -> tuple[int, int]:
        return self.left, self.waiting

    def live(self) -> None:
        """A second passes, in which as much is sent as is taken."""
        self.left += self.pace


def cut_after_a_second(*flows: Flow) -> list[Flow]:
    slow_readers: Any = SlowReaders(100 * MIB, 10.0)
    assert slow_readers.too_slow(flows, 7.0) == []
    for flow in flows:
        flow.live()
    cut: list[Flow] = slow_readers.too_slow(flows, 8.0)
    return cut


def test_nobody_is_cut_off_while_the_limit_is_kept() -> None:
    assert cut_after_a_second(Flow(99 * MIB, 0), Flow(MIB, 0)) == []


def test_slowest_go_first_and_no_more_of_them_than_need_be() -> None:
    deaf, trickle, slow = Flow(8 * MIB, 0), Flow(8 * MIB, 1000), Flow(90 * MIB, MIB)
    assert cut_after_a_second(slow, trickle, deaf) == [deaf]
    deaf.waiting = MIB
    assert cut_after_a_second(slow, trickle, deaf, Flow(2 * MIB, 2 * MIB)) == [deaf]
    trickle.waiting = 12 * MIB
    assert cut_after_a_second(slow, trickle, deaf) == [deaf, trickle]


def test_of_the_deaf_the_one_with_most_goes_first() -> None:
    small, large = Flow(40 * MIB, 0), Flow(70 * MIB, 0)
    assert cut_after_a_second(small, large) == [large]


def test_peer_that_takes_much_at_a_good_pace_is_never_cut_off() -> None:
    assert cut_after_a_second(Flow(2000 * MIB, 200 * MIB), Flow(500 * MIB, 50 * MIB)) == []


def test_newcomer_has_its_time_and_one_that_has_left_is_forgotten() -> None:
    slow_readers: Any = SlowReaders(MIB, 10.0)
    gone, newcomer = Flow(8 * MIB, 0), Flow(8 * MIB, 0)
    assert slow_readers.too_slow([gone], 1.0) == []
    assert slow_readers.too_slow([newcomer], 2.0) == []
    assert slow_readers.too_slow([newcomer], 3.0) == [newcomer]
    assert slow_readers.too_slow([gone], 4.0) == []


def test_peer_that_took_much_long_ago_counts_by_what_it_takes_now() -> None:
    once_quick = Flow(200 * MIB, 1000)
    once_quick.left = 4000 * MIB
    assert cut_after_a_second(once_quick) == [once_quick]
