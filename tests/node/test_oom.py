"""Finding and reading the kernel's count of kills, in folders laid out like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from argon.node import oom
from argon.node.oom import OomCounter


def file_in(folder: Path, path: str, kills: int) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"low 0\noom 5\noom_kill {kills}\n")
    return file


def test_group_of_version_2_is_found(tmp_path: Path) -> None:
    file = file_in(tmp_path, "slice/unit/memory.events", 0)
    assert oom._counting_file("0::/slice/unit\n", tmp_path) == file


def test_group_of_version_1_is_found(tmp_path: Path) -> None:
    file = file_in(tmp_path, "memory/a/memory.oom_control", 0)
    assert oom._counting_file("5:devices:/\n4:cpu,memory:/a\n0::/\n", tmp_path) == file


def test_group_whose_path_is_not_visible_is_looked_for_at_the_root(tmp_path: Path) -> None:
    file = file_in(tmp_path, "memory.events", 0)
    assert oom._counting_file("0::/outside/of/the/container\n", tmp_path) == file


def test_system_without_groups_has_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert oom._counting_file("", tmp_path) is None
    monkeypatch.setattr(oom, "_counting_file", lambda: None)
    assert not OomCounter().has_risen()


def test_count_that_rises_is_noticed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_in(tmp_path, "memory.events", 3)
    monkeypatch.setattr(oom, "_counting_file", lambda: file)
    counter = OomCounter()
    assert not counter.has_risen()
    file_in(tmp_path, "memory.events", 4)
    assert counter.has_risen()
    assert not counter.has_risen()


def test_count_that_cannot_be_read_has_not_risen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_in(tmp_path, "memory.events", 3)
    monkeypatch.setattr(oom, "_counting_file", lambda: file)
    counter = OomCounter()
    file.unlink()
    assert not counter.has_risen()


@pytest.mark.parametrize("text", [b"oom_kill many\n", b"oom_kill -1\n", b"oom_kill\n", b"\xff", b""])
def test_count_that_is_no_number_has_not_risen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    file = file_in(tmp_path, "memory.events", 0)
    monkeypatch.setattr(oom, "_counting_file", lambda: file)
    counter = OomCounter()
    file.write_bytes(text)
    assert not counter.has_risen()


def test_system_that_hides_the_groups_of_a_process_has_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*_: object) -> str:
        raise PermissionError("no /proc here")

    monkeypatch.setattr(Path, "read_text", hidden)
    assert not OomCounter().has_risen()
