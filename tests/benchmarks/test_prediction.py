"""What compares a simulation with a real cluster."""

from __future__ import annotations

from io import StringIO
from random import Random

import pytest
from rich.console import Console

from argon.planning.node_plan import NodePlan
from argon.planning.service import Constant
from argon.planning.workload import Mix, random_workload
from benchmarks.prediction import in_virtual_time, main, table


def test_lone_task_takes_as_long_as_measured_in_the_simulation_too() -> None:
    work = random_workload(20, 1.0, Mix(Constant(0.01)), Random(1))
    assert in_virtual_time(work, [NodePlan(4)], 0.006) == pytest.approx([0.016] * 20)


def test_table_has_both_and_their_ratio() -> None:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(table([0.010] * 10, [0.012] * 10))
    row = next(line for line in console.export_text().splitlines() if "p99 " in line)
    assert row.split() == ["p99", "10.00", "12.00", "1.20"]


def test_few_tasks_live_in_real_processes_and_on_slow_ones(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--node", "2", "--node", "1@0.5", "--tasks", "30", "--service-ms", "2"])
    out = capsys.readouterr().out
    assert "A lone task takes" in out
    assert "p999" in out
