"""When a queue is standing: not in a burst, not for a moment, and no longer than it is."""

from __future__ import annotations

from argon.scheduling.cluster.standing_queue import INTERVAL_S, StandingQueue

TARGET_S = 0.04


def updated(standing: StandingQueue, oldest_s: float, begin: float, for_s: float, step_s: float = 0.01) -> bool:
    """Updates every so often, always with an oldest task that has waited so long."""
    found = False
    for turn in range(round(for_s / step_s) + 1):
        found = standing.update(oldest_s, TARGET_S, begin + turn * step_s)
    return found


def test_queue_whose_oldest_task_is_over_the_target_for_an_interval_is_standing() -> None:
    standing = StandingQueue()
    assert not updated(standing, 1.1 * TARGET_S, 0.0, 0.9 * INTERVAL_S)
    assert updated(standing, 1.1 * TARGET_S, 0.9 * INTERVAL_S, 0.2 * INTERVAL_S)


def test_queue_within_the_target_is_never_standing() -> None:
    assert not updated(StandingQueue(), TARGET_S, 0.0, 10.0)


def test_one_update_within_the_target_begins_the_interval_anew() -> None:
    standing = StandingQueue()
    updated(standing, 2 * TARGET_S, 0.0, 0.9 * INTERVAL_S)
    standing.update(TARGET_S, TARGET_S, 0.91 * INTERVAL_S)
    assert not updated(standing, 2 * TARGET_S, 0.92 * INTERVAL_S, 0.9 * INTERVAL_S)


def test_queue_is_standing_until_a_task_has_waited_for_less_than_half_the_target() -> None:
    standing = StandingQueue()
    assert updated(standing, 2 * TARGET_S, 0.0, 2 * INTERVAL_S)
    assert standing.update(0.6 * TARGET_S, TARGET_S, 0.3)
    assert not standing.update(0.4 * TARGET_S, TARGET_S, 0.3)
    assert not standing.update(0.6 * TARGET_S, TARGET_S, 0.3)


def test_two_updates_far_apart_say_nothing_of_the_time_between() -> None:
    standing = StandingQueue()
    assert not standing.update(2 * TARGET_S, TARGET_S, 0.0)
    assert not standing.update(2 * TARGET_S, TARGET_S, 60.0)


def test_interval_is_no_shorter_than_the_target() -> None:
    standing, target_s = StandingQueue(), 10.0
    found = [standing.update(11.0, target_s, float(second)) for second in range(12)]
    assert found.index(True) == 10
