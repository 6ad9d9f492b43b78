"""A node's hold on its reaper: it survives signals, and is replaced when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from argon.node import reaper_handle
from argon.node.reaper_handle import ReaperHandle
from tests.support.processes import WITHIN_S, has_ended, state_of, stop, wait_until_ended


@pytest.fixture
def reaper() -> Iterator[ReaperHandle]:
    reaper = ReaperHandle()
    yield reaper
    reaper.close()


@pytest.fixture
def group() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_close_ends_groups_and_reaper(reaper: ReaperHandle, group: subprocess.Popen[bytes]) -> None:
    reaper.add(group.pid)
    reaper.close()
    assert group.wait(WITHIN_S) == -signal.SIGKILL
    wait_until_ended(reaper.pid)


def test_removed_group_is_spared(reaper: ReaperHandle, group: subprocess.Popen[bytes]) -> None:
    reaper.add(group.pid)
    reaper.remove(group.pid, 1)
    reaper.close()
    assert group.poll() is None


def test_killed_warden_is_replaced_and_the_new_one_knows_the_groups(
    reaper: ReaperHandle, group: subprocess.Popen[bytes]
) -> None:
    reaper.add(group.pid)
    first = reaper.pid
    os.kill(first, signal.SIGKILL)
    wait_until_ended(first)
    reaper.remove(0x7FFFFFF, 1)  # any word to the reaper
    assert reaper.pid != first
    reaper.close()
    assert group.wait(WITHIN_S) == -signal.SIGKILL


def test_reaper_that_is_stopped_holds_nobody_up_and_is_replaced_by_one_that_knows_the_groups(
    reaper: ReaperHandle, group: subprocess.Popen[bytes]
) -> None:
    first = reaper.pid
    stop(first)
    go_on = threading.Timer(WITHIN_S / 4, os.kill, (first, signal.SIGCONT))  # a test that waits for it ends, too
    go_on.start()
    for _ in range(20_000):  # more than its pipe holds
        reaper.add(0x7FFFFFF)
        reaper.remove(0x7FFFFFF, 1)
    reaper.add(group.pid)
    assert state_of(first) in "TX"
    go_on.cancel()
    assert reaper.pid != first
    assert group.poll() is None
    reaper.close()
    assert group.wait(WITHIN_S) == -signal.SIGKILL


def test_reaper_that_is_stopped_is_killed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper_handle, "CLOSE_WITHIN_S", 0.05)
    reaper = ReaperHandle()
    stop(reaper.pid)
    reaper.close()
    assert has_ended(reaper.pid)


def test_reaper_that_is_gone_already_is_closed_all_the_same(reaper: ReaperHandle) -> None:
    os.kill(reaper.pid, signal.SIGKILL)
    wait_until_ended(reaper.pid)
    reaper.close()
