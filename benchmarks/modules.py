"""`python -m benchmarks.modules`: in which module the CPU time of a no-op task is spent.

In: the Linux profiler `perf`, and a compiled build, whose C functions carry the names of their modules. Out: a table on
stdout: microseconds of CPU for one task, by process and module. What a module spends in the interpreter's own functions
counts as the module's; what the kernel does for it counts as the kernel's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.argon_subjects import AsyncClientSubject
from benchmarks.stack import ROOT, Stack

TASKS = 60_000
SAMPLES_PER_S = 800
STACK_BYTES = 8192
PERF_STARTS_WITHIN_S = 1.0
LEAST_SHARE = 0.01
"""Modules with less are summed up as one line."""

COMPILED = re.compile(r"(?:CPyDef|CPyPy)_([a-z_0-9]+?)___|([a-z_0-9]+?)___[A-Z]\w*_(?:dealloc|new|clear|traverse)$")
INTERPRETED = "interpreted (client API, asyncio, the benchmark)"
KERNEL, EVENT_LOOP, OTHER, REST = "the kernel", "the event loop", "the interpreter itself", "all others"


def module_of(stack: list[str], modules: Mapping[str, str]) -> str:
    """Where a sample was taken.

    Args:
        stack: the names of the functions, innermost first.
        modules: the files of the package, by the names of their modules.
    """
    if any(name in ("do_syscall_64", "entry_SYSCALL_64_after_hwframe") or name.startswith("asm_") for name in stack):
        return KERNEL
    for name in stack:
        if name == "_PyEval_EvalFrameDefault":
            return INTERPRETED
        found = COMPILED.match(name)
        if found is not None and (module := found[1] or found[2]) in modules:
            return modules[module]
    if any("uvloop" in name or name.startswith("uv_") for name in stack):
        return EVENT_LOOP
    return OTHER


def samples(script: Iterable[str]) -> Iterator[list[str]]:
    """The stacks in what `perf script` prints: a line for each sample, one for each of its functions, an empty one."""
    stack: list[str] = []
    for line in script:
        if line[:1].isspace() and line.strip():
            stack.append(line.split()[1])
        elif stack:
            yield stack
            stack = []
    if stack:
        yield stack


def shares(counted: Counter[str]) -> dict[str, float]:
    """The share of each module, the largest first, with the small ones together."""
    total = counted.total()
    large = {module: count / total for module, count in counted.most_common() if count / total >= LEAST_SHARE}
    rest = 1.0 - sum(large.values())
    return {**large, REST: rest} if rest > 1e-9 else large


def profile(pid: int, subject: AsyncClientSubject, modules: Mapping[str, str]) -> Counter[str]:
    """Counts the samples of one process by module, while the subject is busy."""
    with tempfile.NamedTemporaryFile(suffix=".perf") as data:
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_S), "-p", str(pid), "-o", data.name]
        perf = subprocess.Popen([*record, "--call-graph", f"dwarf,{STACK_BYTES}"], stderr=subprocess.DEVNULL)
        try:
            time.sleep(PERF_STARTS_WITHIN_S)
            subject.throughput(TASKS)
        finally:
            perf.send_signal(signal.SIGINT)
            perf.wait()
        script = ["perf", "script", "-i", data.name, "-F", "comm,pid,ip,sym", "--no-inline"]
        text = subprocess.run(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    return Counter(module_of(stack, modules) for stack in samples(text.splitlines()))


def package_modules() -> dict[str, str]:
    """The files of the package, as `folder/file`, by the names of their modules."""
    package = ROOT / "src" / "argon"
    return {path.stem: str(path.relative_to(package).with_suffix("")) for path in sorted(package.rglob("*.py"))}


def main() -> int:
    import argon.scheduling.cluster.cluster_state as core

    if shutil.which("perf") is None or Path(core.__file__).suffix == ".py":
        print("this needs perf (Debian: linux-perf) and a compiled build: see CONTRIBUTING.md", file=sys.stderr)
        return 2
    modules, console = package_modules(), Console()
    with Stack() as stack:
        subject = AsyncClientSubject(stack)
        subject.start()
        before = subject.cpu_s()
        subject.throughput(TASKS)
        spent_us = {role: (after_s - before[role]) * 1e6 / TASKS for role, after_s in subject.cpu_s().items()}
        pids = {**{role: found[0] for role, found in stack.pids().items()}, "client": os.getpid()}
        for role, pid in pids.items():
            table = Table(
                "module", "us/task", title=f"{role}: {spent_us[role]:.2f} us of CPU a task", title_justify="left"
            )
            for module, share in shares(profile(pid, subject, modules)).items():
                table.add_row(module, f"{share * spent_us[role]:.2f}")
            console.print(table)
        subject.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
