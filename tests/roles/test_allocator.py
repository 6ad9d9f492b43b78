"""Whether freed memory is kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

PROGRAM = """
import resource
from argon.roles.allocator import keep_freed_memory
{call}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        payload = [b"x" * (250 << 10) for _ in range(16)]
        del payload
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(call: str) -> int:
    program = PROGRAM.format(call=call)
    output = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60)
    return int(output.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves")
def test_freed_memory_is_kept_for_the_next_payload() -> None:
    assert faults("") > 10_000, "each round of 4 MiB touches a thousand pages anew"
    assert faults("keep_freed_memory()") < 1_000
