"""Pictures: what is drawn, and the error where nothing can be."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from argon.planning.engine import Circumstances, simulate
from argon.planning.node_plan import NodePlan
from argon.planning.picture import COLOURS, PictureImpossible, check_drawable, draw, tail
from argon.planning.rules import RULES
from argon.planning.service import Exponential
from argon.planning.workload import Burst, Mix, random_workload


def test_tail_begins_with_all_tasks_and_ends_with_the_longest() -> None:
    seconds, shares = tail([float(n) for n in range(100_000, 0, -1)])
    assert (seconds[0], shares[0]) == (1.0, 1.0)
    assert (seconds[-1], shares[-1]) == (100_000.0, pytest.approx(1e-5))
    assert len(seconds) < 500
    assert shares == sorted(shares, reverse=True)


def test_tail_of_one_task() -> None:
    assert tail([2.0]) == ([2.0], [1.0])


def test_every_rule_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(RULES)
    assert len(set(COLOURS.values())) == len(RULES)


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PictureImpossible, match="pip install matplotlib"):
        check_drawable(tmp_path / "plan.png")


def test_picture_of_a_run_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    fleet = [NodePlan(2)]
    work = random_workload(300, 100.0, Mix(Exponential(0.01), flood=20), Random(1), Burst(3.0, 0.3))
    courses = {rule: simulate(rule, fleet, work, Circumstances(timeout_s=0.05)) for rule in ("argon", "original")}
    file = tmp_path / "plan.png"
    check_drawable(file)
    draw(work, courses, file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_picture_has_to_have_a_place(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(PictureImpossible, match="no directory"):
        check_drawable(tmp_path / "nowhere" / "plan.png")
