"""What a node reports of its capacity: every change of its workers, and of the pressure those that matter."""

from __future__ import annotations

from argon.protocol.messages import Capacity
from argon.scheduling.node.capacity_report import CapacityReport


def reported(report: CapacityReport, workers: int, *pressures: float) -> list[float]:
    """The pressures that are reported while the machine goes through these."""
    found = []
    for pressure in pressures:
        report.pressure = pressure
        if report.is_due(workers):
            found.append(report.made().pressure)
    return found


def test_every_change_of_the_ready_workers_is_due_once() -> None:
    report = CapacityReport()
    assert not report.is_due(0)
    assert report.is_due(2)
    assert report.made() == Capacity(2)
    assert not report.is_due(2)
    assert report.is_due(0)


def test_pressure_is_due_when_it_has_changed_by_more_than_a_tenth() -> None:
    assert reported(CapacityReport(), 1, 0.0, 0.09, 0.3, 0.25, 0.35, 0.21, 0.19) == [0.0, 0.3, 0.19]


def test_pressure_that_flickers_is_reported_once() -> None:
    assert reported(CapacityReport(), 1, *[0.5, 0.45, 0.55, 0.5] * 100) == [0.5]


def test_pressure_on_no_workers_is_not_due_and_goes_with_the_first_that_is_ready() -> None:
    report = CapacityReport()
    assert reported(report, 0, 0.1, 0.9) == []
    assert report.is_due(1)
    assert report.made() == Capacity(1, 0.9)


def test_both_are_reported_again_to_another_cluster() -> None:
    report = CapacityReport()
    assert reported(report, 3, 0.7) == [0.7]
    report.forget()
    assert report.is_due(3)
    assert report.made() == Capacity(3, 0.7)
