"""The demo's first act measures every file and tells what it found."""

from __future__ import annotations

import io
import sysconfig
from pathlib import Path

import pytest
from rich.console import Console

from argon.cli.demo import library as library_module
from argon.cli.demo.library import measure_library, python_files
from tests.cli.fakes import FakeClient


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "pack").mkdir()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "a.py").write_text("def simple(): ...\nclass A: ...\n")
    (tmp_path / "pack" / "b.py").write_text("def branched(x):\n    if x:\n        return 1\n    return x and 2\n")
    (tmp_path / "pack" / "old.py").write_text("print 'hello'\n")
    (tmp_path / "pack" / "data.txt").write_text("no source")
    (tmp_path / "site-packages" / "other.py").write_text("def not_ours(): ...\n")
    return tmp_path


def told(library: Path) -> str:
    console = Console(file=io.StringIO(), width=100)
    measure_library(FakeClient(), console, library)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_files_are_the_python_files_of_the_library_alone(library: Path) -> None:
    names = [file.relative_to(library).as_posix() for file in python_files(library)]
    assert names == ["a.py", "pack/b.py", "pack/old.py"]


def test_totals_are_told(library: Path) -> None:
    rows = [line.split() for line in told(library).splitlines()]
    assert ["files", "3"] in rows
    assert ["that", "do", "not", "parse", "1"] in rows
    assert ["lines", "7"] in rows
    assert ["classes", "1"] in rows
    assert ["functions", "2"] in rows


def test_functions_are_ranked(library: Path) -> None:
    text = told(library)
    assert text.index("branched") < text.index("simple")
    assert "pack/b.py:1" in text


def test_files_that_do_not_parse_are_counted_and_named(library: Path) -> None:
    text = told(library)
    assert "Files that do not parse: 1" in text
    assert "pack/old.py" in text


def test_sound_library_has_no_table_of_broken_files(library: Path) -> None:
    (library / "pack" / "old.py").unlink()
    assert "Files that do not parse" not in told(library)


def test_slow_machine_is_told_what_was_left(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "TIME_LIMIT_S", -1.0)
    assert "2 files were not measured" in told(library)


def test_library_is_that_of_this_python_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "python_files", lambda root: [Path(root, "this.py")])
    console = Console(file=io.StringIO(), width=200)
    (measure,) = measure_library(FakeClient(), console)
    assert measure.file == "this.py"
    assert isinstance(console.file, io.StringIO)
    assert sysconfig.get_path("stdlib") in console.file.getvalue()
