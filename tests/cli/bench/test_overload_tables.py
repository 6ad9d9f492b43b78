"""The table of an overload has a column for each factor, and says what its figures mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from argon.cli.bench.overload_tables import headline, legend, recovery_text, rows, show
from argon.cli.bench.task_times import Distribution
from tests.cli.overload_figures import DOUBLE, MEASURED, TENFOLD


def test_every_figure_has_its_row() -> None:
    texts = dict(rows(DOUBLE))
    assert texts["goodput, share of capacity"] == "0.951"
    assert texts["throughput, share of capacity"] == "0.973"
    assert texts["accepted, p99 when calm"] == "21.5 ms"
    assert texts["accepted, p99 in the spike"] == "360.5 ms"
    assert texts["rejected by the cluster"] == "123"
    assert texts["rejected by the client itself"] == "3,876"
    assert texts["expired"] == "45"
    assert texts["failed, unanswered"] == "6, 7"
    assert texts["a reject's answer, p99"] == "2.5 ms"
    assert texts["the driver's lag, p99"] == "1.2 ms"


def test_what_was_not_measured_is_a_dash() -> None:
    assert dict(rows(TENFOLD))["a reject's answer, p99"] == "–"


def test_recovery_that_did_not_end_says_so() -> None:
    assert recovery_text(DOUBLE) == "0.61 s"
    assert recovery_text(TENFOLD) == "over 30 s"


def test_headline_says_what_capacity_is() -> None:
    assert "8 workers, tasks of 20 ms: capacity 400 tasks a second, of which the warm-up reached 98.7%" in headline(
        MEASURED
    )
    spread = replace(MEASURED, plan=replace(MEASURED.plan, distribution=Distribution.PARETO))
    assert "20 ms (pareto)" in headline(spread)


def test_legend_defines_goodput_and_recovery() -> None:
    text = " ".join(legend(MEASURED))
    assert "within 500 ms" in text
    assert "2 × the calm p99" in text


def test_table_is_printed_with_all_factors(capsys: pytest.CaptureFixture[str]) -> None:
    show(MEASURED)
    out = capsys.readouterr().out
    assert "2 ×" in out
    assert "10 ×" in out
    assert "over 30 s" in out
