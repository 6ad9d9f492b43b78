"""Virtual time: events in order, and timers that follow a deadline."""

from __future__ import annotations

from argon.planning.agenda import Agenda, Timer


def test_events_happen_by_moment_and_equal_ones_as_planned() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()

    def happen(name: str) -> None:
        seen.append((agenda.now, name))

    for moment, name in [(2.0, "c"), (1.0, "a"), (1.0, "b")]:
        agenda.at(moment, happen, name)
    agenda.run(lambda: True)
    assert seen == [(1.0, "a"), (1.0, "b"), (2.0, "c")]


def test_event_that_should_have_happened_happens_now() -> None:
    agenda, seen = Agenda(), list[float]()
    agenda.at(5.0, lambda: agenda.at(1.0, lambda: seen.append(agenda.now)))
    agenda.run(lambda: True)
    assert seen == [5.0]


def test_run_ends_when_going_is_false() -> None:
    agenda, seen = Agenda(), list[int]()
    for number in range(5):
        agenda.at(number, seen.append, number)
    agenda.run(lambda: len(seen) < 2)
    assert seen == [0, 1]


class Alarm:
    """A deadline, and the moments at which its timer fired."""

    def __init__(self, agenda: Agenda, deadline: float | None) -> None:
        self.agenda = agenda
        self.deadline = deadline
        self.fired: list[float] = []
        self.timer = Timer(agenda, lambda: self.deadline, self.fire)

    def fire(self) -> None:
        self.fired.append(self.agenda.now)
        self.deadline = None


def test_timer_fires_at_the_deadline_and_once() -> None:
    agenda = Agenda()
    alarm = Alarm(agenda, 3.0)
    alarm.timer.set()
    alarm.timer.set()
    agenda.run(lambda: True)
    assert alarm.fired == [3.0]


def test_deadline_that_moved_back_fires_late_and_one_that_moved_forward_early() -> None:
    for moved in (7.0, 2.0):
        agenda = Agenda()
        alarm = Alarm(agenda, 3.0)
        alarm.timer.set()
        alarm.deadline = moved
        alarm.timer.set()
        agenda.run(lambda: True)
        assert alarm.fired == [moved]


def test_deadline_that_comes_back_behind_nearer_ones_is_planned_once() -> None:
    agenda, planned = Agenda(), list[float]()
    at = agenda.at
    agenda.at = lambda moment, *what: (planned.append(moment), at(moment, *what))[1]  # type: ignore[method-assign]
    alarm = Alarm(agenda, 9.0)
    alarm.timer.set()
    for nearer in (1.0, 2.0):
        alarm.deadline = nearer
        alarm.timer.set()
        agenda.run(lambda nearer=nearer: nearer not in alarm.fired)  # type: ignore[misc]
        alarm.deadline = 9.0
        alarm.timer.set()
    agenda.run(lambda: True)
    assert alarm.fired == [1.0, 2.0, 9.0]
    assert planned == [9.0, 1.0, 2.0]


def test_deadline_that_is_met_again_and_again_lets_time_go_on() -> None:
    agenda = Agenda()
    rung = list[float]()
    timer = Timer(agenda, lambda: 1.0, lambda: rung.append(agenda.now))
    timer.set()
    agenda.run(lambda: len(rung) < 3)
    assert rung[0] < rung[1] < rung[2]
