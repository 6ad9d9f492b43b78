"""The verdict of a run, and what people read of it."""

from __future__ import annotations

from collections import Counter

from tests.chaos.audit import Audit, Holding
from tests.chaos.checker import Verdict
from tests.chaos.report import SHOWN_MAX, lines
from tests.chaos.run import Plan, Report

PLAN = Plan(seed=7, seconds=120.0, kinds=("kill node", "reset"))


def test_broken_promise_is_a_failure_however_little_has_happened() -> None:
    short = ["only 3 tasks completed; 600 are wanted"]
    assert Report(PLAN, Verdict()).word == "PASSED"
    assert Report(PLAN, Verdict(), shortcomings=short).word == "INVALID"
    assert Report(PLAN, Verdict(violations=["t: 2 answers"]), shortcomings=short).word == "FAILED"
    assert Report(PLAN, Verdict(), complaints=["node-1 has ended by itself"]).word == "FAILED"


def test_report_says_what_happened_and_how_to_do_it_again() -> None:
    verdict = Verdict(tasks=1234, outcomes=Counter(completed=1200, lost=34), faults=Counter({"kill node": 5}))
    numbers = {"counters": {"accepted": 1234}, "queue_length": 0, "in_flight": 0}
    before = Audit({"cluster": Holding(40 << 20, 20, 1, 1)})
    after = Audit({"cluster": Holding(41 << 20, 20, 1, 1)}, numbers)
    text = list(lines(Report(PLAN, verdict, before=before, after=after)))
    assert text[0] == "seed 7, 2 minutes, 4 nodes × 2 workers, 4 clients"
    for line in (
        "| completed | 1,200 |",
        "| kill node | 5     |",
        "| reset     | 0     |",
        "| cluster | 40.0 → 41.0 | 20 → 20     | 1 → 1   | 1 → 1     |",
        "violations: 0",
    ):
        assert line in text
    assert text[-1] == "verdict: PASSED"


def test_report_of_many_violations_is_short() -> None:
    text = list(lines(Report(PLAN, Verdict(violations=[f"t-{number}: no answer" for number in range(SHOWN_MAX + 9)]))))
    assert sum("no answer" in line for line in text) == SHOWN_MAX
    assert "  and 9 more" in text
