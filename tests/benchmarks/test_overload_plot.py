"""The picture of all systems is drawn where there is matplotlib."""

from __future__ import annotations

from pathlib import Path

import pytest

from argon.cli.bench.overload import OverloadPlan
from benchmarks.overload import Result
from tests.cli.overload_figures import DOUBLE, TENFOLD


def test_picture_of_two_systems_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.overload_plot import draw

    file = tmp_path / "over.png"
    draw([Result("another", 0.97, TENFOLD), Result("Argon", 0.98, DOUBLE)], OverloadPlan(), file)
    assert file.read_bytes().startswith(b"\x89PNG")
