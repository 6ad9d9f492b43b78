"""What is asked of the numbers is checked, and what is shown says all that was measured."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.report import BARS, Bar, Report
from benchmarks.subject import Figure

AT_LEAST = Bar("throughput", "AsyncClient / null relay", ">=", 0.6)
AT_MOST = Bar("cpu", "AsyncClient, cluster", "<=", 5, "us")
MACHINE = {"cpu": "a made-up CPU", "cores": "2", "kernel": "Linux 1", "python": "CPython 3", "argon": "0"}


def figure(bar: Bar, *samples: float) -> Figure:
    return Figure(bar.area, bar.what, "ratio", samples)


def made_up(*figures: Figure, failed: dict[str, str] | None = None) -> Report:
    return Report(machine=MACHINE, rounds=3, took_s=61.5, figures=[*figures], notes=["a note"], failed=failed or {})


def text_of(shown: Report) -> str:
    written = io.StringIO()
    report.show(shown, Console(width=160, file=written))
    return written.getvalue()


def test_the_median_of_the_samples_counts() -> None:
    assert figure(AT_LEAST, 0.1, 0.7, 9.0).value == 0.7


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [(AT_LEAST, 0.6, True), (AT_LEAST, 0.599, False), (AT_MOST, 5.0, True), (AT_MOST, 5.01, False)],
)
def test_a_bar_is_met_from_its_limit_on(bar: Bar, value: float, met: bool) -> None:
    assert report.judged([figure(bar, value)], [bar])[0].met is met


def test_a_figure_is_judged_by_its_median_and_keeps_its_samples() -> None:
    judged = report.judged([figure(AT_LEAST, 0.1, 0.7, 0.8)], [AT_LEAST])[0]
    assert (judged.bar, judged.met, judged.samples) == (">= 0.6", True, (0.1, 0.7, 0.8))


def test_what_nothing_is_asked_of_stays_as_it_is() -> None:
    other = Figure("throughput", "Client / null relay", "ratio", (0.1,))
    carries_its_own = Figure("rejects", "full", "rejects/s", (1.0,), ">= 100,000", False)
    assert report.judged([other, carries_its_own], [AT_LEAST]) == [other, carries_its_own]


def test_no_figure_has_two_bars() -> None:
    assert len({(bar.area, bar.what) for bar in BARS}) == len(BARS)


def test_the_table_has_every_number_its_bar_and_whether_it_is_met() -> None:
    missed = report.judged([figure(AT_MOST, 10.25, 11.5, 12.75)], [AT_MOST])
    text = text_of(made_up(*missed, Figure("start-up", "import argon", "ms", (12.0,))))
    row = next(line for line in text.splitlines() if AT_MOST.what in line)
    assert row.split() == [
        "cpu",
        "AsyncClient,",
        "cluster",
        "11.5",
        "10.2",
        "..",
        "12.8",
        "ratio",
        "<=",
        "5",
        "us",
        "no",
    ]
    assert "import argon" in text
    assert "bars met: 0 of 1" in text


def test_the_machine_the_notes_and_what_failed_stand_under_the_table() -> None:
    text = text_of(made_up(failed={"scale": "a reason"}))
    assert all(f"{name}: {value}" in text for name, value in MACHINE.items())
    assert "a note" in text
    assert "FAILED scale: a reason" in text


def test_the_json_has_all_samples_and_is_plain_ascii() -> None:
    text = report.as_json(made_up(Figure("throughput", "a × b", "ratio", (2.0, 1.0, 4.0)), failed={"scale": "boom"}))
    assert text.isascii()
    whole = json.loads(text)
    assert whole.keys() == {"machine", "rounds", "took_s", "figures", "notes", "failed"}
    assert whole["figures"] == [
        {
            "area": "throughput",
            "what": "a × b",
            "unit": "ratio",
            "samples": [2.0, 1.0, 4.0],
            "bar": "",
            "met": None,
            "median": 2.0,
            "min": 1.0,
            "max": 4.0,
        }
    ]


def test_the_machine_is_described() -> None:
    found = report.machine()
    assert int(found["cores"]) >= 1
    assert all(found[name] for name in ("cpu", "kernel", "python", "argon", "uvloop", "msgspec"))


def test_the_model_of_the_cpu_is_the_first_that_is_named(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text("processor\t: 0\nmodel name\t: Fast 9\n\nprocessor\t: 1\nmodel name\t: Slow 1\n")
    assert report.cpu_model(described) == "Fast 9"
    described.write_text("processor\t: 0\n")
    assert report.cpu_model(described)


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.7, "123,457"), (100.4, "100"), (12.345, "12.3"), (1.005, "1.00"), (0.98765, "0.988"), (0.0, "0.000")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_picture_is_drawn_whatever_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw

    trips = [
        Figure("round trip", f"AsyncClient, {name}", "us", (value,)) for name, value in (("p50", 9.0), ("p99", 20.0))
    ]
    rates = [Figure("throughput", f"{name}, no-op", "tasks/s", (1e4,)) for name in ("AsyncClient", "gearmand")]
    asked = report.judged([figure(AT_LEAST, 0.1), figure(AT_MOST, 0.0)], [AT_LEAST, AT_MOST])
    for number, figures in enumerate(([], trips, [*trips, *rates], asked, [*trips, *rates, *asked])):
        file = tmp_path / f"{number}.png"
        draw(made_up(*figures), file)
        assert file.read_bytes().startswith(b"\x89PNG")
