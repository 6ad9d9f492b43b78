"""What a task starts ends with its worker or its node, also in a session of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import argon
from tests.support.waiting import wait_until

WITHIN_S = 10.0


def start_stray() -> int:
    return subprocess.Popen(["sleep", "300"], start_new_session=True).pid


def start_stray_and_stay(path: str) -> None:
    Path(path).write_text(str(start_stray()))
    time.sleep(300)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_stray_ends_with_the_node_that_stops() -> None:
    with argon.local(workers=1) as client:
        stray = client.run(start_stray)
        assert lives(stray)
    wait_until(lambda: not lives(stray), WITHIN_S)


def test_stray_ends_with_the_node_that_is_killed() -> None:
    with argon.local(workers=1) as client:
        stray = client.run(start_stray)
        os.kill(client._local._process.pid, signal.SIGKILL)
        wait_until(lambda: not lives(stray), WITHIN_S)


def test_stray_ends_with_its_task_that_is_killed(tmp_path: Path) -> None:
    with argon.local(workers=1) as client:
        with pytest.raises(argon.TaskExpired):
            client.with_options(timeout=2.0).run(start_stray_and_stay, str(tmp_path / "pid"))
        stray = int((tmp_path / "pid").read_text())
        wait_until(lambda: not lives(stray), WITHIN_S)
        assert client.run(abs, -1) == 1
