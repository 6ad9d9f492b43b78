"""What the tests of the client API share: a network for each file, and a client for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from argon.client.client import Client
from tests.support.in_process import ThreadNetwork, eventually, network


@pytest.fixture(scope="module")
def net() -> Iterator[ThreadNetwork]:
    """One worker, so that what waits and what runs is known."""
    with network() as net:
        yield net


@pytest.fixture
def client(net: ThreadNetwork) -> Iterator[Client]:
    with net.client() as client:
        yield client
    with net.client() as watcher:  # nothing of this test is left when the next begins
        eventually(lambda: not any(watcher.status()[name] for name in ("in_flight", "queue_length")))
