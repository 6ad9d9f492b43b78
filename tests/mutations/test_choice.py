"""Which mutations are drawn, and which tests are asked, in which order."""

from __future__ import annotations

from typing import Any

from tests.mutations.choice import draw, in_order, may_feel, own_tests, unrun
from tests.mutations.line_map import LineMap
from tests.mutations.operators import Mutation, mutations

SOURCE = "LIMIT = 2\n\ndef f(a=1):\n    b = a < LIMIT\n    if b:\n        g()\n    return b\n"
OWN = "tests/net/test_a.py::test_own"
SUBJECT = "tests/net/test_a_ends.py::test_subject"
FAR = "tests/cli/test_run.py::test_far"
README = "tests/test_readme.py::test_limit"
DOCSTRINGS = "tests/test_docstrings.py::test_defaults"


def known(lines: dict[str, list[int]]) -> LineMap:
    piece: dict[str, Any] = {
        "seconds": dict.fromkeys((OWN, SUBJECT, FAR, README, DOCSTRINGS), 1.0),
        "lines": {test: {"net/a.py": numbers} for test, numbers in lines.items()},
    }
    return LineMap([piece])


def first(kind: str, line: int) -> Mutation:
    return next(one for one in mutations("net/a.py", SOURCE) if (one.kind, one.line) == (kind, line))


def feeling(kind: str, line: int, lines: dict[str, list[int]]) -> list[str]:
    return may_feel(first(kind, line), {"net/a.py": SOURCE}, known(lines))


def test_equal_seeds_draw_equally_and_others_otherwise() -> None:
    found = mutations("net/a.py", SOURCE)
    assert draw(1, 4, found) == draw(1, 4, found)
    assert len({tuple(draw(seed, 4, found)) for seed in range(20)}) > 1


def test_nothing_is_drawn_twice_and_no_more_than_there_is() -> None:
    found = mutations("net/a.py", SOURCE)
    drawn = draw(1, 1000, found)
    assert sorted(drawn, key=repr) == sorted(found, key=repr)


def test_kinds_are_equally_likely_however_many_of_them_there_are() -> None:
    found = mutations("net/a.py", "try:\n    a = b\nexcept C:\n    pass\n" + "x = 2\n" * 50)
    kinds = [draw(seed, 1, found)[0].kind for seed in range(200)]
    assert 60 < kinds.count("exception") < 140


def test_tests_that_run_the_line_are_asked() -> None:
    assert feeling("deletion", 6, {FAR: [4, 5, 6], OWN: [4, 5]}) == [FAR]


def test_where_none_runs_the_line_those_that_run_the_function_and_the_own_ones_are_asked() -> None:
    assert feeling("deletion", 6, {FAR: [4, 5]}) == [OWN, SUBJECT, FAR]


def test_mutations_of_lines_that_no_test_runs_are_those_in_functions() -> None:
    found = unrun(mutations("net/a.py", SOURCE), known({FAR: [4, 5, 7]}))
    assert [(mutation.kind, mutation.line) for mutation in found] == [("deletion", 6)]


def test_constant_of_a_module_is_felt_where_a_line_with_its_name_runs_and_by_documents() -> None:
    assert feeling("constant", 1, {FAR: [4]}) == [OWN, SUBJECT, FAR, DOCSTRINGS, README]
    assert feeling("constant", 1, {FAR: [5]}) == [OWN, SUBJECT, DOCSTRINGS, README]


def test_default_is_felt_in_the_body_and_by_the_docstrings() -> None:
    assert feeling("default", 3, {FAR: [7]}) == [FAR, DOCSTRINGS]


def test_own_tests_are_those_of_the_file_and_its_subjects() -> None:
    assert own_tests("net/a.py", known({})) == {OWN, SUBJECT}
    assert own_tests("net/b.py", known({})) == set()


def test_own_tests_come_first_then_the_files_that_take_least() -> None:
    seconds = {OWN: 9.0, SUBJECT: 1.0, FAR: 1.0, "b.py::slow": 3.0, "b.py::fast": 0.1, "c.py::one": 3.0}
    ordered = in_order(seconds, {OWN, SUBJECT}, seconds)
    assert ordered == [SUBJECT, OWN, FAR, "c.py::one", "b.py::fast", "b.py::slow"]
