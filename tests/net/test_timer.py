"""The one timer of a role: never late, lazily early, and silent once it is cancelled."""

from __future__ import annotations

import asyncio
from time import monotonic

from argon.net.timer import DeadlineTimer
from tests.support.in_process import soon, within


class Alarm:
    """A timer and the deadline that its state has at the moment."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.rung: list[float] = []
        self.asked = 0
        self.timer = DeadlineTimer(self._ring, self._next)

    def set(self, seconds: float | None) -> None:
        self.deadline = None if seconds is None else monotonic() + seconds
        self.timer.arm(self.deadline)

    def _ring(self) -> None:
        self.rung.append(monotonic())
        self.deadline = None

    def _next(self) -> float | None:
        self.asked += 1
        return self.deadline


def test_deadline_that_comes_rings_once_and_not_before() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(0.02)
        due = alarm.deadline
        assert due is not None
        await soon(lambda: alarm.rung)
        assert alarm.rung[0] >= due
        await asyncio.sleep(0.03)
        assert len(alarm.rung) == 1

    within(main())


def test_deadline_that_has_passed_rings_on_a_later_turn() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(-1.0)
        assert alarm.rung == []
        await soon(lambda: alarm.rung)

    within(main())


def test_earlier_deadline_replaces_a_later_one() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(60.0)
        alarm.set(0.01)
        await soon(lambda: alarm.rung)

    within(main())


def test_later_deadline_leaves_the_armed_one_which_then_only_asks() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(0.01)
        alarm.set(0.05)
        due = alarm.deadline
        assert due is not None
        await soon(lambda: alarm.asked)
        assert alarm.rung == []
        await soon(lambda: alarm.rung)
        assert alarm.rung[0] >= due

    within(main())


def test_deadline_that_goes_away_does_not_ring() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(0.01)
        alarm.set(None)
        await soon(lambda: alarm.asked)
        assert alarm.rung == []
        alarm.set(0.01)
        await soon(lambda: alarm.rung)

    within(main())


def test_cancelled_timer_never_rings_again() -> None:
    async def main() -> None:
        alarm = Alarm()
        alarm.set(0.01)
        alarm.timer.cancel()
        alarm.set(0.005)
        await asyncio.sleep(0.03)
        assert (alarm.asked, alarm.rung) == (0, [])

    within(main())
