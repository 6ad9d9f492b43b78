"""How long it takes to begin: to import argon, to show the command's help, to have the first result of a new cluster.

In: how often. Out: Figures in milliseconds, each sample from a fresh interpreter. Files are in the page cache and
modules are compiled to bytecode, as they are on every start but the first.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.subject import Figure

AREA = "start-up"
LEAST_SAMPLES = 5
LIMIT_S = 60.0
PYTHON = (sys.executable, "-P")  # a file of the working directory must not replace a module

NOTHING = "pass"
IMPORT = "import argon"
TIMED_IMPORT = """
from time import perf_counter
begin = perf_counter()
import argon
print(perf_counter() - begin)
"""
TIMED_CLIENT = """
from time import perf_counter
begin = perf_counter()
import argon
argon.Client
print(perf_counter() - begin)
"""
TIMED_LOCAL = """
from time import perf_counter
begin = perf_counter()
import argon
with argon.local(workers=2) as client:
    result = client.run(abs, -1)
    end = perf_counter()
assert result == 1
print(end - begin)
"""


def measure(rounds: int, quick: bool) -> list[Figure]:
    """Starts each kind of process in turn, at least five times unless it should be quick."""
    samples = rounds if quick else max(rounds, LEAST_SAMPLES)
    kinds: dict[str, Callable[[], float]] = {
        "python -c pass, whole process": lambda: process_s("-c", NOTHING),
        "import argon, whole process": lambda: process_s("-c", IMPORT),
        "import argon": lambda: told_s(TIMED_IMPORT),
        "import argon, with its Client": lambda: told_s(TIMED_CLIENT),
        "argon --help, whole process": lambda: process_s("-m", "argon", "--help"),
        "argon.local() to first result, with the import": lambda: told_s(TIMED_LOCAL),
    }
    found_s: dict[str, list[float]] = {what: [] for what in kinds}
    for once in kinds.values():  # fills the caches
        once()
    for _ in range(samples):
        for what, once in kinds.items():
            found_s[what].append(once())
    return [Figure(AREA, what, "ms", tuple(second * 1e3 for second in found_s[what])) for what in kinds]


def process_s(*arguments: str) -> float:
    """The seconds from starting a Python process to its end."""
    begin_s = time.perf_counter()
    subprocess.run([*PYTHON, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)
    return time.perf_counter() - begin_s


def told_s(program: str) -> float:
    """The seconds that a Python program prints."""
    run = subprocess.run([*PYTHON, "-c", program], check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    return float(run.stdout)
