"""Argon knows which build it is, and says why it is not the compiled one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import argon
from argon import build, record
from argon.build import Build, this_build


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pure build's reason is read from."""
    monkeypatch.setattr(record, "__file__", "/site-packages/argon/record.py")
    monkeypatch.setattr(build, "_FILE", tmp_path / "build.json")
    return tmp_path / "build.json"


def test_extensions_make_it_the_compiled_build_whatever_else_is_said(
    said: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.write_text(json.dumps({"reason": "it was compiled for another", "remedy": "none"}))
    monkeypatch.setattr(record, "__file__", "/site-packages/argon/record.cpython-314-x86_64-linux-gnu.so")
    assert this_build() == Build()
    assert str(this_build()) == f"argon {argon.__version__} (core compiled)"


def test_pure_build_says_what_its_builder_wrote(said: Path) -> None:
    said.write_text(json.dumps({"reason": "no C compiler", "remedy": "install one"}))
    assert this_build() == Build("no C compiler", "install one")
    assert str(this_build()).endswith("(pure Python, about half as fast: no C compiler; install one)")


def test_source_tree_is_known_by_the_file_that_it_has_not(said: Path) -> None:
    assert this_build().from_sources
    assert "editable" in this_build().reason


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b'{"reason": 1}', b'{"reason": ""}', b'{"reason": "\xff"}'])
def test_file_that_says_nothing_is_no_error_and_no_compiled_build(said: Path, text: bytes) -> None:
    said.write_bytes(text)
    assert "build.json cannot be read" in this_build().reason
