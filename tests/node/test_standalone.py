"""The process of a local cluster ends with its owner, whatever ends that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.family import family
from tests.support.in_process import ROOT, WITHIN_S, eventually, pid_ended

OWNER = """
import os, sys
import argon
client = argon.local(workers=2)
client.submit("time:sleep", 60)
print(*[client.run(os.getpid) for _ in range(2)], client._local._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "end"])
def test_owner_that_ends_in_whatever_way_takes_everything_along(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        *_, cluster = map(int, owner.stdout.readline().split())
        processes = family(cluster)
        assert len(processes) >= 3
        if ending == "end":
            owner.stdin.close()
        else:
            owner.send_signal(signal.Signals[ending])
        owner.wait(WITHIN_S)
        eventually(lambda: all(pid_ended(pid) for pid in processes))


def test_interrupt_at_the_terminal_is_the_owners_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        *workers, cluster = map(int, owner.stdout.readline().split())
        assert os.getsid(cluster) == cluster != os.getsid(owner.pid)
        assert all(os.getsid(worker) != os.getsid(owner.pid) for worker in workers)
        owner.kill()
