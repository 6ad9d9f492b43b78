"""The verdict on a mutation, from what runs of tests come to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.mutations.keeper import TIME_IS_UP
from tests.mutations.line_map import LineMap
from tests.mutations.tree import USAGE, Ended
from tests.mutations.trial import verdict

KNOWN = LineMap([{"seconds": {"a.py::one": 1.0, "a.py::two": 2.0, "b.py::three": 3.0}, "lines": {}}])
TESTS = list(KNOWN.seconds)


def passes(*tests: str) -> Ended:
    return Ended(0, [{"test": test, "end": "passed"} for test in tests])


def fails(test: str) -> Ended:
    return Ended(1, [{"test": "before", "end": "passed"}, {"test": test, "end": "failed"}])


class Runs:
    """Gives one end after another, and keeps what it was asked."""

    def __init__(self, *ends: Ended) -> None:
        self._ends = iter(ends)
        self.asked: list[list[str]] = []
        self.limits: list[float] = []

    def __call__(self, tests: Sequence[str], limit_s: float) -> Ended:
        self.asked.append(list(tests))
        self.limits.append(limit_s)
        return next(self._ends)


def test_mutation_that_no_test_feels_survives() -> None:
    runs = Runs(passes(*TESTS))
    assert verdict(runs, TESTS, KNOWN).killed_by == ""
    assert runs.asked == [TESTS]


def test_mutation_without_a_test_survives() -> None:
    assert verdict(Runs(), [], KNOWN).killed_by == ""


def test_test_that_fails_twice_kills() -> None:
    runs = Runs(fails("a.py::two"), fails("a.py::two"))
    assert verdict(runs, TESTS, KNOWN).killed_by == "a.py::two"
    assert runs.asked == [TESTS, ["a.py::two"]]


def test_test_that_fails_once_does_not_kill_and_those_behind_it_are_asked() -> None:
    runs = Runs(fails("a.py::two"), passes("a.py::two"), passes("b.py::three"))
    assert verdict(runs, TESTS, KNOWN).killed_by == ""
    assert runs.asked[2] == ["b.py::three"]


def test_hang_kills() -> None:
    assert verdict(Runs(Ended(TIME_IS_UP, [])), TESTS, KNOWN).killed_by == "the time limit"


def test_death_of_the_interpreter_kills() -> None:
    assert verdict(Runs(Ended(-11, [])), TESTS, KNOWN).killed_by == "exit status -11"


def test_file_that_cannot_be_collected_kills() -> None:
    assert verdict(Runs(fails("b.py"), fails("b.py")), TESTS, KNOWN).killed_by == "b.py"


def test_tests_that_bear_other_names_are_asked_by_file() -> None:
    runs = Runs(Ended(USAGE, []), fails("a.py::new"), fails("a.py::new"))
    assert verdict(runs, TESTS, KNOWN).killed_by == "a.py::new"
    assert runs.asked[1] == ["a.py", "b.py"]


def test_files_that_are_not_found_are_a_fault_of_the_runner() -> None:
    with pytest.raises(RuntimeError, match=r"a\.py"):
        verdict(Runs(Ended(USAGE, []), Ended(USAGE, [])), TESTS, KNOWN)


def test_limit_grows_with_what_the_tests_take() -> None:
    runs = Runs(passes(), passes())
    verdict(runs, TESTS, KNOWN)
    verdict(runs, TESTS[:1], KNOWN)
    assert runs.limits[0] - runs.limits[1] == 4 * 5.0
