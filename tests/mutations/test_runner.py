"""The command: what it is asked, what it prints, and one mutation from its draw to its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.__main__ import ROOT, chosen, difference, parsed, summary
from tests.mutations.operators import mutations
from tests.mutations.tree import Tree

SOURCES = {
    "net/a.py": "a = b < 1\n",
    "client/b.py": "def f():\n    g()\n",
    "cli/c.py": "a = 7\n",
}


def paths(*arguments: str) -> set[str]:
    return {mutation.path for mutation in chosen(parsed(["--seed", "1", *arguments]), SOURCES)}


def test_shells_are_what_is_changed_unless_asked_otherwise() -> None:
    assert paths() == {"net/a.py", "client/b.py"}
    assert paths("--only", "cli/,net/") == {"cli/c.py", "net/a.py"}
    assert paths("--kinds", "deletion") == {"client/b.py"}


def test_count_is_how_many_are_drawn() -> None:
    assert len(chosen(parsed(["--seed", "1", "--count", "2"]), SOURCES)) == 2


def test_all_are_looked_at_for_lines_that_no_test_runs() -> None:
    assert len(chosen(parsed(["--seed", "1", "--count", "1", "--unrun"]), SOURCES)) > 1


def test_line_can_be_asked_for() -> None:
    found = chosen(parsed(["--at", "client/b.py:2"]), SOURCES)
    assert [(one.path, one.line) for one in found] == [("client/b.py", 2)]


def test_mutation_is_shown_as_a_diff() -> None:
    mutation = next(one for one in mutations("client/b.py", SOURCES["client/b.py"]) if one.kind == "deletion")
    assert difference(mutation, SOURCES["client/b.py"]).splitlines()[-2:] == ["-    g()", "+    pass"]


@pytest.mark.parametrize(
    ("verdicts", "counts"),
    [
        (
            ["killed"] * 3 + ["survived", "equivalent"],
            "5 mutations: 3 killed, 1 survived, 1 equivalent; killed of those that change anything: 75.0 %",
        ),
        ([], "0 mutations: 0 killed, 0 survived, 0 equivalent; killed of those that change anything: none"),
    ],
)
def test_share_is_of_those_that_change_anything(verdicts: list[str], counts: str) -> None:
    assert summary(verdicts) == counts


@pytest.mark.skipif(shutil.which("git") is None, reason="a copy has what git knows of the tree")
def test_tests_of_a_copy_see_the_text_that_was_written_last(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name, text in {
        "src/argon_like/__init__.py": "VALUE = 1\n",
        "tests/test_value.py": (
            "import subprocess, sys\n"
            "def test_value():\n"
            "    program = 'import argon_like; print(argon_like.VALUE)'\n"
            "    assert subprocess.check_output([sys.executable, '-c', program]) == b'1\\n'\n"
        ),
        "tests/mutations/plugin.py": (ROOT / "tests/mutations/plugin.py").read_text("utf-8"),
        "tests/mutations/keeper.py": (ROOT / "tests/mutations/keeper.py").read_text("utf-8"),
        "tests/support/family.py": (ROOT / "tests/support/family.py").read_text("utf-8"),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    tree = Tree(root, tmp_path / "0", sys.executable)
    ends = []
    for value in (1, 2, 3, 1):
        tree.write("argon_like/__init__.py", f"VALUE = {value}\n")
        ends.append(tree.run(["tests/test_value.py"], 60.0).failed)
    assert ends == ["", "tests/test_value.py::test_value", "tests/test_value.py::test_value", ""]
    assert (root / "src" / "argon_like" / "__init__.py").read_text() == "VALUE = 1\n"
