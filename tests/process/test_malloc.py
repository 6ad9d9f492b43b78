"""Whether freed memory is kept, and in which processes. That a role's own process does is in test_server."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.support import light_tasks as tasks
from tests.support.processes import ROOT, lone_worker, value_of

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves")

KEPT, RETURNED = 1_000, 10_000  # each of twenty rounds touches a thousand pages


def faults(call: str) -> int:
    program = f"from argon.process.malloc import keep_freed_memory as keep; {call}"
    program += "; from tests.support.light_tasks import page_faults; print(page_faults())"
    output = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60)
    return int(output.stdout)


def test_freed_memory_is_kept_for_the_next_payload() -> None:
    assert faults("pass") > RETURNED
    assert faults("keep()") < KEPT


def test_workers_keep_freed_memory() -> None:
    with lone_worker() as worker:
        worker.hear()  # it is up
        assert value_of(worker.run(tasks.page_faults)) < KEPT
