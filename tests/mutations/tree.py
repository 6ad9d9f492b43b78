"""A copy of the repository, in which one file at a time is another, and in which tests run.

In: the repository, the text of a mutated file, the names of tests. Out: how each test ended. What tests start imports
the copy too. It must never touch the repository, nor leave a process behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.mutations import plugin

_MTIME: Final = 1_000_000_000  # a text of its own second: byte code is looked up by that and by the length
_TEST_TIMEOUT_S: Final = 40
_ARGUMENTS: Final = ("-q", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.mutations.plugin")
USAGE: Final = 4
"""Pytest's exit status for a test that is not found."""


@dataclass(frozen=True)
class Ended:
    """What a run of tests came to.

    Attributes:
        status: pytest's exit status, or ``keeper.TIME_IS_UP``.
        reports: what ``plugin.py`` wrote: one entry for each test.
    """

    status: int
    reports: list[dict[str, Any]]

    @property
    def failed(self) -> str:
        """The first test, or file, that failed; empty for none."""
        return next((one["test"] for one in self.reports if one["end"] == "failed"), "")


class Tree:
    """One copy.

    Args:
        root: the repository.
        folder: where the copy is made, with room beside it for what tests write.
        python: the interpreter that runs the tests.

    Attributes:
        folder: the same.
    """

    def __init__(self, root: Path, folder: Path, python: str) -> None:
        self._root = root
        self.folder = folder
        self._python = python
        self._copy = folder / "r"
        self._seconds = count(_MTIME)
        (folder / "v").mkdir(parents=True)
        for name in tracked(root):
            place = self._copy / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, place)

    def write(self, path: str, text: str) -> None:
        """Gives the file at ``path``, below ``src``, another text."""
        place = self._copy / "src" / path
        place.write_text(text, "utf-8")
        second = next(self._seconds)
        os.utime(place, (second, second))

    def remove(self, path: str) -> None:
        """Removes the file at ``path``, below ``src``, that ``write`` has made."""
        (self._copy / "src" / path).unlink()

    def run(self, tests: Sequence[str], limit_s: float, *, first: bool = True, **variables: str) -> Ended:
        """Runs these tests in their order; with ``first`` only until one fails."""
        report = self.folder / "report"
        report.unlink(missing_ok=True)
        here = {name: value for name, value in os.environ.items() if not name.startswith(("ARGON_", "PYTEST_"))}
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.mutations.keeper", str(limit_s)),
                *("env", "-C", str(self._copy), "PYTHONPATH=" + str(self._copy / "src")),
                *(self._python, "-m", "pytest", *_ARGUMENTS, f"--timeout={_TEST_TIMEOUT_S}"),
                *(f"--basetemp={self.folder / 't'}", *(["-x"] if first else []), *tests),
            ],
            cwd=self._root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env={**here, "TMPDIR": str(self.folder / "v"), plugin.REPORT_VARIABLE: str(report), **variables},
            check=False,
        )
        lines = report.read_text("utf-8").splitlines() if report.exists() else []
        return Ended(ended.returncode, [json.loads(line) for line in lines])


def tracked(root: Path) -> list[str]:
    """The files of the repository, those that are not committed yet too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
