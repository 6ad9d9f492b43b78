"""A node's hold on its warden: it survives signals, and is replaced when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from argon.node.reaper_handle import Guard
from tests.support.processes import WITHIN_S, wait_until_ended


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
def group() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_close_ends_groups_and_warden(guard: Guard, group: subprocess.Popen[bytes]) -> None:
    guard.add(group.pid)
    guard.close()
    assert group.wait(WITHIN_S) == -signal.SIGKILL
    wait_until_ended(guard.pid)


def test_removed_group_is_spared(guard: Guard, group: subprocess.Popen[bytes]) -> None:
    guard.add(group.pid)
    guard.remove(group.pid, 1)
    guard.close()
    assert group.poll() is None


def test_killed_warden_is_replaced_and_the_new_one_knows_the_groups(
    guard: Guard, group: subprocess.Popen[bytes]
) -> None:
    guard.add(group.pid)
    first = guard.pid
    os.kill(first, signal.SIGKILL)
    wait_until_ended(first)
    guard.remove(0x7FFFFFF, 1)  # any word to the warden
    assert guard.pid != first
    guard.close()
    assert group.wait(WITHIN_S) == -signal.SIGKILL
