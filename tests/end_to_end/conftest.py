"""What the tests of real networks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.entry_checker import EntryChecker
from tests.support.network import ProcessNetwork
from tests.support.waiting import SharedGate


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ProcessNetwork]:
    """A network for one test, which may do with it what it likes."""
    with ProcessNetwork(tmp_path) as network:
        yield network


@pytest.fixture
def checker(tmp_path: Path) -> EntryChecker:
    return EntryChecker(tmp_path / "entries")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[SharedGate]:
    with SharedGate(tmp_path / "gate") as gate:
        yield gate
