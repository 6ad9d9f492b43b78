"""How busy the machine is, read off files in the kernel's two formats, and off none."""

from __future__ import annotations

from pathlib import Path

import pytest

from argon.node.pressure import cpu_pressure

STALLED = """some avg10={} avg60=33.07 avg300=16.57 total=8723702815
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
"""
NOWHERE = Path("/nowhere/at/all")


@pytest.fixture
def load(tmp_path: Path) -> Path:
    """The machine's four CPUs have six things to run."""
    file = tmp_path / "loadavg"
    file.write_text("6.00 1.74 1.13 17/491 13668\n")
    return file


@pytest.mark.parametrize(("avg10", "share"), [("0.00", 0.0), ("61.68", 0.6168), ("100.00", 1.0), ("130.00", 1.0)])
def test_share_of_the_last_ten_seconds_is_the_pressure(tmp_path: Path, load: Path, avg10: str, share: float) -> None:
    file = tmp_path / "cpu"
    file.write_text(STALLED.format(avg10))
    assert cpu_pressure(file, load, cpus=4) == pytest.approx(share)


@pytest.mark.parametrize(
    "text", ["", "garbage", "some avg10=", "some avg10=-1.0", "some avg10=nan", "some avg10=inf", "full avg10=9.00"]
)
def test_pressure_that_cannot_be_read_is_taken_from_the_load(tmp_path: Path, load: Path, text: str) -> None:
    file = tmp_path / "cpu"
    file.write_text(text)
    assert cpu_pressure(file, load, cpus=4) == 0.5


@pytest.mark.parametrize(("cpus", "pressure"), [(1, 1.0), (4, 0.5), (6, 0.0), (64, 0.0)])
def test_load_counts_by_what_is_more_than_one_for_each_cpu(load: Path, cpus: int, pressure: float) -> None:
    assert cpu_pressure(NOWHERE, load, cpus) == pressure


@pytest.mark.parametrize("text", ["", "garbage", "nan 1 1", "-3.0 1 1", "inf", "\xff"])
def test_load_that_cannot_be_read_is_no_pressure(tmp_path: Path, text: str) -> None:
    file = tmp_path / "loadavg"
    file.write_text(text, "latin-1")
    assert cpu_pressure(NOWHERE, file, cpus=1) == 0.0


def test_machine_that_reports_nothing_is_not_pressed() -> None:
    assert cpu_pressure(NOWHERE, NOWHERE) == 0.0


def test_this_machine_is_read_without_a_failure() -> None:
    assert 0.0 <= cpu_pressure() <= 1.0
