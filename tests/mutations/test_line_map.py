"""Which tests run which lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.mutations import tracer
from tests.mutations.keeper import TIME_IS_UP
from tests.mutations.line_map import LineMap, feeling_files, key, trace_file
from tests.mutations.tree import Ended, Tree

PIECES = [
    {"seconds": {"a.py::one": 1.0}, "lines": {"a.py::one": {"net/a.py": [3, 5]}}},
    {"seconds": {"b.py::two": 2.0}, "lines": {"b.py::two": {"net/a.py": [5], "net/b.py": [3]}}},
]


def test_tests_of_lines_are_those_that_run_any_of_them() -> None:
    known = LineMap(PIECES)
    assert known.tests("net/a.py", 5, 5) == {"a.py::one", "b.py::two"}
    assert known.tests("net/a.py", 1, 4) == {"a.py::one"}
    assert known.tests("net/a.py", 6, 9) == set()
    assert known.of_file("b.py") == {"b.py::two"}
    assert known.seconds == {"a.py::one": 1.0, "b.py::two": 2.0}


def test_test_files_are_those_that_can_feel_a_shell() -> None:
    names = [
        *("tests/net/test_channel.py", "tests/test_readme.py", "tests/test_house.py", "tests/net/conftest.py"),
        *("tests/scheduling/test_load.py", "src/argon/test_a.py", "tests/cli/bench/test_rounds.py", "README.md"),
    ]
    assert feeling_files(names) == [
        "tests/cli/bench/test_rounds.py",
        "tests/net/test_channel.py",
        "tests/test_readme.py",
    ]


def test_what_is_known_of_a_test_file_holds_until_sources_shared_code_or_itself_change(tmp_path: Path) -> None:
    names = ["src/a.py", "tests/conftest.py", "tests/test_a.py", "tests/test_b.py", "README.md"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")

    def changes(name: str) -> bool:
        before = key(tmp_path, names, "tests/test_a.py")
        with (tmp_path / name).open("a") as file:
            file.write("2\n")
        return key(tmp_path, names, "tests/test_a.py") != before

    assert {name for name in names if changes(name)} == {"src/a.py", "tests/conftest.py", "tests/test_a.py"}


class Ending:
    """A tree whose runs are ended from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, path: str, text: str) -> None:
        pass

    def remove(self, path: str) -> None:
        pass

    def run(self, *_: object, **__: object) -> Ended:
        return Ended(TIME_IS_UP, [])


def test_trace_that_is_interrupted_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"tests/test_a\.py was ended"):
        trace_file(cast(Tree, Ending(tmp_path)), "tests/test_a.py")


def test_tracer_writes_each_line_of_the_package_once_for_each_name(tmp_path: Path) -> None:
    source = tmp_path / "argon" / "a.py"
    source.parent.mkdir()
    (source.parent / "__init__.py").touch()
    source.write_text("def f(n):\n    for _ in range(n):\n        pass\n    return n\n")
    program = tmp_path / "sitecustomize.py"
    program.write_text(Path(tracer.__file__).read_text("utf-8"))
    lines = tmp_path / "lines"
    lines.mkdir()
    run(
        tmp_path,
        "import sitecustomize, subprocess, sys\n"
        "from argon.a import f\n"
        "sitecustomize.ACTIVE.name('first'); f(3)\n"
        "sitecustomize.ACTIVE.name('second'); f(0)\n"
        "import threading; thread = threading.Thread(target=f, args=(1,)); thread.start(); thread.join()\n"
        "sitecustomize.ACTIVE.name('child')\n"
        "subprocess.run([sys.executable, '-c', 'from argon.a import f; f(0); import os; os._exit(1)'])\n",
    )
    written = {
        name: [int(line[5:]) for line in (lines / name).read_text().splitlines() if line.startswith("a.py:")]
        for name in ("first", "second", "child")
    }
    assert written == {"first": [2, 3, 4], "second": [2, 4, 3], "child": [1, 2, 4]}


def run(folder: Path, program: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder), tracer.FOLDER_VARIABLE: str(folder / "lines")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=30)
