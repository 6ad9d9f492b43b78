"""The demo's first act measures every file and tells what it found."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

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


Told = Callable[[Path], str]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """What the act prints of a library."""

    def tell(library: Path) -> str:
        measure_library(FakeClient(), library)
        return capsys.readouterr().out

    return tell


def test_files_are_the_python_files_of_the_library_alone(library: Path) -> None:
    names = [file.relative_to(library).as_posix() for file in python_files(library)]
    assert names == ["a.py", "pack/b.py", "pack/old.py"]


def test_totals_are_told(told: Told, library: Path) -> None:
    rows = [line.split() for line in told(library).splitlines()]
    assert ["files", "3"] in rows
    assert ["that", "do", "not", "parse", "1"] in rows
    assert ["lines", "7"] in rows
    assert ["classes", "1"] in rows
    assert ["functions", "2"] in rows


def test_functions_are_ranked(told: Told, library: Path) -> None:
    text = told(library)
    assert text.index("branched") < text.index("simple")
    assert "pack/b.py:1" in text


def test_files_that_do_not_parse_are_counted_and_named(told: Told, library: Path) -> None:
    text = told(library)
    assert "Files that do not parse: 1" in text
    assert "pack/old.py" in text


def test_sound_library_has_no_table_of_broken_files(told: Told, library: Path) -> None:
    (library / "pack" / "old.py").unlink()
    assert "Files that do not parse" not in told(library)


def test_slow_machine_is_told_what_was_left(told: Told, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "TIME_LIMIT_S", -1.0)
    assert "2 files were not measured" in told(library)


def test_library_is_that_of_this_python_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library_module, "python_files", lambda root: [Path(root, "this.py")])
    (measure,) = measure_library(FakeClient())
    assert measure.file == "this.py"
    assert sysconfig.get_path("stdlib") in capsys.readouterr().out
