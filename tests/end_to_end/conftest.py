"""What the tests of real networks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.entry_checker import EntryChecker
from tests.support.network import Network
from tests.support.waiting import Gate


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A network for one test, which may do with it what it likes."""
    with Network(tmp_path) as network:
        yield network


@pytest.fixture
def checker(tmp_path: Path) -> EntryChecker:
    return EntryChecker(tmp_path / "entries")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with Gate(tmp_path / "gate") as gate:
        yield gate
