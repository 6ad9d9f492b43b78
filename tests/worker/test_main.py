"""The life of a worker's process: it is light, and never outlives its node."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from argon.ipc.worker_config import WorkerConfig
from tests.support.processes import ROOT, WITHIN_S, wait_until_ended


def test_worker_whose_parent_has_died_before_it_was_up_leaves() -> None:
    config = msgspec.json.encode(WorkerConfig(97, 98, 99, 1, "node-1", [], 1)).decode()
    process = subprocess.run([sys.executable, "-m", "argon.worker.main", config], timeout=WITHIN_S)
    assert process.returncode == 1


def test_worker_dies_with_its_parent() -> None:
    code = (
        "import os, signal\n"
        "from tests.support.processes import LoneWorker\n"
        "worker = LoneWorker(); worker.hear(); print(worker.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, timeout=WITHIN_S)
    wait_until_ended(int(parent.stdout))


def test_worker_starts_without_the_heavy_modules() -> None:
    code = "import argon.worker.main, sys; print(*sorted(sys.modules))"
    listing = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    loaded = set(listing.stdout.split())
    assert not loaded & {"asyncio", "click", "uvloop", "rich", "cloudpickle", "traceback", "subprocess", "numpy"}


@pytest.mark.parametrize("spoil", ["sys.stdout = None", "sys.stdout.close()", "print(1, end=''); os.close(1)"])
def test_worker_leaves_with_its_code_though_a_task_has_closed_its_output(spoil: str) -> None:
    code = (
        f"import os, sys; from argon.worker.main import _leave; {spoil}; print('2', file=sys.stderr, end=''); _leave()"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=WITHIN_S, env=buffered)
    assert (ended.returncode, ended.stderr) == (1, b"2")
