"""Figures of an overload, for the tests of what prints and draws them."""

from __future__ import annotations

from dataclasses import replace

from argon.cli.bench.load_figures import PhaseFigures
from argon.cli.bench.overload import FactorFigures, Overloaded, OverloadPlan

CALM = PhaseFigures(1000, 1000, 0, 0, 0, 0, 0, {}, 20.5, 21.5)
SPIKE = PhaseFigures(8000, 4001, 123, 3876, 45, 6, 7, {"QUEUE_FULL": 3999}, 345.5, 360.5)
DOUBLE = FactorFigures(2.0, 800.5, 0.951, 0.973, 0.4, 2.5, 0.61, True, 43.0, 1.25, CALM, SPIKE, CALM)
TENFOLD = replace(DOUBLE, factor=10.0, reject_p50_ms=None, reject_p99_ms=None, recovery_s=29.9, recovered=False)
MEASURED = Overloaded(OverloadPlan(factors=(2.0, 10.0)), 8, 0.987, (DOUBLE, TENFOLD))
