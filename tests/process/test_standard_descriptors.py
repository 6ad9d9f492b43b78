"""A process that was started with closed standard descriptors does all that others do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from argon.process.standard_descriptors import open_standard_descriptors
from tests.support.in_process import WITHIN_S

LOOP = "from argon.process.event_loop import run_on_own_loop\nasync def main(): pass\nrun_on_own_loop(main())"
LOCAL = "import argon\nwith argon.Executor(max_workers=1) as pool: assert pool.submit(abs, -1).result() == 1"
COMMAND = "import sys\nfrom argon.cli.main import main\nsys.argv = ['argon', '--version']\nmain()"


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
@pytest.mark.parametrize("script", [LOOP, LOCAL, COMMAND], ids=["loop", "local", "command"])
def test_process_with_closed_descriptors_ends_well(script: str, closed: list[int]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    assert subprocess.run([sys.executable, "-c", script], timeout=WITHIN_S, preexec_fn=close).returncode == 0


def test_descriptors_that_are_closed_are_the_null_device_then_and_go_to_children() -> None:
    script = (
        "import os\nfrom argon.process.standard_descriptors import open_standard_descriptors\n"
        "os.close(0)\nopen_standard_descriptors()\n"
        "assert os.get_inheritable(0)\nprint(os.readlink('/proc/self/fd/0'))"
    )
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=WITHIN_S)
    assert ran.stdout == os.devnull + "\n"


def test_number_that_another_thread_takes_meanwhile_is_left_to_it_and_nothing_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda _: os.stat("/nowhere/at/all"))  # each is closed, and taken before the open
        open_standard_descriptors()
    assert set(os.listdir("/proc/self/fd")) == before
