"""`docs/operations/faults.md`, held to the tests: every fault has its section, and every test that a section names
exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "operations" / "faults.md").read_text("utf-8")
SECTIONS = re.findall(r"^\*\*(F\d+) .+?\.\*\* (.+?)\n\n((?:- [^\n]+\n)*)", PAGE, re.MULTILINE | re.DOTALL)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)))


def test_every_fault_has_one_section() -> None:
    assert [fault for fault, _, _ in SECTIONS] == [f"F{number}" for number in range(1, 43)]


@pytest.mark.parametrize(("fault", "does", "tests"), SECTIONS)
def test_fault_has_what_happens_and_a_test_of_it(fault: str, does: str, tests: str) -> None:
    assert does
    assert re.match(r"- `[\w/]+\.py::test_\w+`", tests), f"{fault} names no test"


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_test_that_the_page_names_exists(path: str, name: str) -> None:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert name in functions, f"docs/operations/faults.md names {name}, which is not in tests/{path}"
