"""Rounds alternate, ratios are taken within a round, and counts fit the time that a measurement may take."""

from __future__ import annotations

import pytest

from benchmarks import rounds
from benchmarks.rounds import Plan
from benchmarks.subject import Subject

PLAN = Plan(rounds=3, measurement_s=0.1, trips=100, slices=2)


class FakeSubject:
    """Says what it is asked to, in order, and writes down what was asked."""

    def __init__(self, name: str, log: list[str], *rates: float) -> None:
        self.name = name
        self._log = log
        self._rates = iter(rates)
        self.trips_s = [1e-4] * 100
        self.asked: list[int] = []

    def start(self) -> None: ...

    def throughput(self, tasks: int) -> float:
        self.asked.append(tasks)
        self._log.append(self.name)
        return next(self._rates)

    def round_trips(self, count: int) -> list[float]:
        self._log.append(self.name)
        self.asked.append(count)
        return (self.trips_s * count)[:count]

    def efficiency(self, task_s: float, count: int) -> float:
        self.asked.append(count)
        return task_s

    def echo(self, size_bytes: int, count: int) -> float:
        self.asked.append(count)
        return 100.0

    def cpu_s(self) -> dict[str, float]:
        return {}

    def close(self) -> None: ...


def test_every_round_measures_each_subject_once_in_alternating_order() -> None:
    log: list[str] = []
    subjects: list[Subject] = [FakeSubject("a", log, 1, 2, 3), FakeSubject("b", log, 4, 5, 6)]
    samples = rounds.in_rounds(subjects, 3, lambda subject: subject.throughput(7))
    assert log == ["a", "b", "b", "a", "a", "b"]
    assert samples == {"a": [1, 2, 3], "b": [4, 5, 6]}


def test_a_ratio_is_of_two_numbers_of_one_round() -> None:
    one, other = FakeSubject("a", []), FakeSubject("b", [])
    assert rounds.ratios({"a": [1.0, 9.0], "b": [2.0, 3.0]}, one, other) == (0.5, 3.0)


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 51.0), (99, 100.0), (100, 100.0)])
def test_percentiles(percent: float, value: float) -> None:
    assert rounds.percentile([float(number) for number in range(100, 0, -1)], percent) == value


def test_as_many_tasks_are_measured_as_fill_the_time_after_a_warm_up() -> None:
    subject = FakeSubject("a", [], 10.0, 50_000.0)
    assert rounds.tasks_for(subject, PLAN) == 5_000
    assert len(subject.asked) == 2


def test_the_number_has_bounds() -> None:
    assert rounds.number_for(1.0, 5.0, least=10, most=100) == 10
    assert rounds.number_for(1.0, 5000.0, least=10, most=100) == 100


def test_round_trips_take_turns_within_a_round_and_are_told_in_microseconds() -> None:
    log: list[str] = []
    quick, slow = FakeSubject("quick", log), FakeSubject("slow", log)
    slow.trips_s = [1e-3] * 98 + [5e-3] * 2
    p50, p99 = rounds.trips_us([quick, slow], PLAN)
    assert log[:6] == ["quick", "slow", "quick", "slow", "slow", "quick"]
    assert p50 == {"quick": pytest.approx([100.0] * 3), "slow": pytest.approx([1000.0] * 3)}
    assert p99["quick"] == pytest.approx([100.0] * 3)
    assert set(quick.asked[1:]) == {50}  # as many as the plan has, in two slices
    assert max(slow.asked[1:]) == 50


def test_echoes_fill_half_a_measurement() -> None:
    assert rounds.echoes_for(100.0, rounds.MIB, PLAN) == 2  # 50 a second, 0.05 s: at least two all the same
    assert rounds.echoes_for(4000.0, rounds.MIB, PLAN) == 100


def test_tasks_of_a_length_fill_two_workers_for_the_time_of_a_measurement() -> None:
    subject = FakeSubject("a", [])
    assert rounds.efficiencies([subject], 0.01, PLAN) == {"a": [0.01] * 3}
    assert subject.asked == [20] * 3
