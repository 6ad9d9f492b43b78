"""A command that is run by the keeper leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.mutations.keeper import TIME_IS_UP
from tests.support.processes import ROOT, WITHIN_S, fifo, has_ended

LEAVES_ONE = (
    "import subprocess, sys, time;"
    "left = subprocess.Popen(['sleep', '600'], start_new_session=True);"
    "open(sys.argv[1], 'w').write(str(left.pid));"
)


def keep(seconds: float, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.mutations.keeper", str(seconds), sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=ROOT)


def test_exit_status_is_the_commands() -> None:
    assert keep(WITHIN_S, "raise SystemExit(3)").wait(WITHIN_S) == 3


def test_process_that_is_left_behind_in_a_session_of_its_own_is_ended(tmp_path: Path) -> None:
    place = fifo(tmp_path, "pid")
    keeper = keep(WITHIN_S, LEAVES_ONE, place)
    left = int(Path(place).read_text())
    assert keeper.wait(WITHIN_S) == 0
    assert has_ended(left)


def test_command_that_hangs_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    place = fifo(tmp_path, "pid")
    keeper = keep(0.5, LEAVES_ONE + "time.sleep(600)", place)
    descriptor = os.open(place, os.O_RDONLY)
    left = int(os.read(descriptor, 100))
    os.close(descriptor)
    assert keeper.wait(WITHIN_S) == TIME_IS_UP
    assert has_ended(left)


def test_keeper_that_is_told_to_end_ends_everything(tmp_path: Path) -> None:
    place = fifo(tmp_path, "pid")
    keeper = keep(600.0, LEAVES_ONE + "time.sleep(600)", place)
    left = int(Path(place).read_text())
    keeper.terminate()
    assert keeper.wait(WITHIN_S) == TIME_IS_UP
    assert has_ended(left)
