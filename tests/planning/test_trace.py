"""Traces: two formats, and every mistake named by its line."""

from __future__ import annotations

import pytest

from argon.planning import trace
from argon.planning.trace import read_trace
from argon.planning.workload import Arrival
from argon.settings import Priority


def test_csv_with_all_columns_in_any_order() -> None:
    lines = ["client,service_s,at_s,kind,priority\n", "web,0.5,1,resize,HIGH\n", "\n", '"a,b",2,3,,4\n']
    assert read_trace(lines) == [
        Arrival(1.0, 0.5, "web", Priority.HIGH, "resize"),
        Arrival(3.0, 2.0, "a,b", Priority.MIN, ""),
    ]


def test_csv_with_what_is_needed() -> None:
    assert read_trace(["at_s,service_s", "0,1"]) == [Arrival(0.0, 1.0)]


def test_json_lines() -> None:
    lines = ['{"at_s": 1, "service_s": 0.5, "client": 0, "priority": 0, "kind": "x"}', '{"at_s": 2, "service_s": 1}']
    assert read_trace(lines) == [Arrival(1.0, 0.5, "0", Priority.MAX, "x"), Arrival(2.0, 1.0)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["at,service", "1,2"], "line 1: a trace begins with a heading"),
        (["at_s", "1"], "line 1: a trace begins with a heading"),
        (["at_s,service_s,colour", "1,2,3"], "line 1: a trace begins with a heading"),
        (["at_s,service_s", "1,2", "1"], "line 3: service_s must be a number of seconds"),
        (["at_s,service_s", "", "x,2"], "line 3: at_s must be a number of seconds"),
        (["at_s,service_s", "-1,2"], "line 2: at_s must be a number of seconds"),
        (["at_s,service_s", "nan,2"], "line 2: at_s must be a number of seconds"),
        (["at_s,service_s", "1,0"], "line 2: service_s must be a number of seconds"),
        (["at_s,service_s,priority", "1,2,URGENT"], "line 2: priority must be one of MAX, HIGH"),
        (['{"at_s": 1, "service_s": 1}', "{"], "line 2 must be a JSON object"),
        (['{"at_s": 1, "service_s": 1}', "[1]"], "line 2 must be a JSON object"),
    ],
)
def test_mistake_is_named_by_its_line(lines: list[str], said: str) -> None:
    with pytest.raises(ValueError, match="^" + said):
        read_trace(lines)


def test_trace_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MAX_TASKS", 2)
    with pytest.raises(ValueError, match="at most 2 tasks"):
        read_trace(["at_s,service_s", *["1,2"] * 3])


def test_empty_trace_has_no_tasks() -> None:
    assert read_trace(["", "\n"]) == []
