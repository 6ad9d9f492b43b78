"""A short run of chaos: its promises hold, and its faults did happen. `make chaos` runs longer, with every fault."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.report import lines
from tests.chaos.run import Plan, carry_out

KINDS = ("kill node", "kill worker", "kill client", "stop node", "reset", "cut inside a frame")


@pytest.mark.timeout(400)
def test_short_chaos_keeps_every_promise(tmp_path: Path) -> None:
    plan = Plan(seed=17, seconds=6.0, kinds=KINDS, warm_up_s=1.0, after_s=1.0)
    report = carry_out(plan, tmp_path, lambda line: print(line, file=sys.stderr))
    assert report.word == "PASSED", "\n".join(lines(report))
