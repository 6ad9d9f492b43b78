"""What `pip install` brings along is what Argon imports, no more and no less.

In: `pyproject.toml` and the sources. Out: failures that name the package. What only tests, checks and benchmarks need
is in the extras.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ONLY_WHEN_ASKED_FOR = {"matplotlib"}  # by --plot, which says how to install it


def required() -> set[str]:
    """The names of the packages that an installation has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {re.split(r"[^A-Za-z0-9_.-]", dependency)[0].lower() for dependency in project["dependencies"]}


def imported() -> set[str]:
    """The packages that are neither Argon nor Python and that a file of Argon imports, wherever in the file."""
    found = set()
    for path in (ROOT / "src" / "argon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found - {"argon", "__future__"} - sys.stdlib_module_names


def test_every_dependency_is_imported() -> None:
    assert not required() - imported(), "an installation brings along what Argon never imports"


def test_everything_imported_is_a_dependency() -> None:
    assert not imported() - required() - ONLY_WHEN_ASKED_FOR, "Argon imports what an installation does not have"
