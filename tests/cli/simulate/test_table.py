"""The table and the JSON of a plan."""

from __future__ import annotations

import json
from math import inf

import pytest

from argon.cli.simulate.table import as_dict, show
from argon.planning.node_plan import NodePlan
from argon.planning.result import Percentiles, Summary
from argon.planning.workload import Workload

TIMES = Percentiles(0.002, 0.001, 0.0125, 1.5)


def summary(**others: object) -> Summary:
    fields: dict[str, object] = {
        "tasks": 12_000,
        "completed": 11_000,
        "rejected": 900,
        "expired": 100,
        "lasted_s": 9.5,
        "goodput_per_s": 1234.5,
        "wait": TIMES,
        "total": TIMES,
        "utilisation": 0.5,
        "recovery_s": None,
        "flood": None,
        "groups": {},
        **others,
    }
    return Summary(**fields)  # type: ignore[arg-type]


def day() -> Workload:
    work = Workload()
    for at_s in (0.0, 2.0):
        work.add(at_s, 0.01, 1, 0, 2)
    return work


def lines(capsys: pytest.CaptureFixture[str], work: Workload, **summaries: Summary) -> dict[str, str]:
    show([NodePlan(8), NodePlan(4)], work, 5, summaries)
    rows = [line.strip() for line in capsys.readouterr().out.splitlines() if "  " in line.strip()]
    return {row.partition("  ")[0]: " ".join(row.partition("  ")[2].split()) for row in rows}


def test_table_has_a_column_for_each_rule_and_a_row_for_each_number(capsys: pytest.CaptureFixture[str]) -> None:
    rows = lines(capsys, day(), argon=summary(), random=summary(completed=7, wait=None))
    assert rows["goodput, tasks a second"] == "1,234 1,234"
    assert rows["completed"] == "11,000 7"
    assert rows["rejected"] == "900 900"
    assert rows["expired"] == "100 100"
    assert rows["utilisation"] == "50.0% 50.0%"
    assert rows["wait, p50"] == "1 –"
    assert rows["total, p99"] == "12.5 12.5"
    assert rows["total, p99.9"] == "1.5e+03 1.5e+03"
    assert not any("recovery" in row or "greedy" in row for row in rows)


def test_headline_says_what_was_run(capsys: pytest.CaptureFixture[str]) -> None:
    show([NodePlan(8), NodePlan(4)], day(), 5, {"argon": summary()})
    headline = capsys.readouterr().out.splitlines()[0]
    assert headline == "2 nodes, 12 workers; 2 tasks of 10 ms on average, 1 a second; clients: 1; seed: 5"


def test_burst_flood_and_groups_have_rows(capsys: pytest.CaptureFixture[str]) -> None:
    work = day()
    work.spike, work.flood = (0.0, 1.0), 1
    groups = {"kind [bold]x[/]": TIMES}
    rows = lines(
        capsys,
        work,
        argon=summary(recovery_s=0.25, flood=(500, 2.5), groups=groups),
        random=summary(recovery_s=inf, flood=(400, 3.0)),
    )
    assert rows["recovery after the burst, s"] == "0.25 not within the run"
    assert rows["of the greedy client: completed"] == "500 400"
    assert rows["of the greedy client: last answer, s"] == "2.5 3"
    assert rows["total of kind [bold]x[/], p99"] == "12.5 –"


def test_json_has_every_number_in_seconds() -> None:
    said = json.loads(json.dumps(as_dict([NodePlan(8)], day(), 5, {"argon": summary()}), allow_nan=False))
    assert (said["nodes"], said["workers"], said["tasks"], said["seed"]) == (1, 8, 2, 5)
    assert (said["offered_per_s"], said["mean_service_s"], said["burst"]) == (1.0, 0.01, None)
    assert said["rules"]["argon"]["total"] == {"mean": 0.002, "p50": 0.001, "p99": 0.0125, "p999": 1.5}
    assert said["rules"]["argon"]["rejected"] == 900
