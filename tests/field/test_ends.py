"""How programs end, and what they forget to end: clients that nobody holds any more, one Ctrl-C, a killed cluster.

The situations are from dask/distributed#4623, Vonage/vonage-java-sdk#628 and projectnessie/nessie#6630 (threads that
outlive forgotten clients), python/cpython#107505 and noxdafox/pebble#154 (cancel on an event loop), and python/cpython's
ProcessPoolExecutor, which ends when it is collected.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.support.processes import has_ended
from tests.support.waiting import wait_until

WITHIN_S = 30.0

COMMON = """
import argon, asyncio, concurrent.futures, gc, os, sys, threading, time
from pathlib import Path

def family():
    found, todo = set(), [os.getpid()]
    while todo:
        try:
            for thread in Path(f"/proc/{todo[-1]}/task").iterdir():
                children = {int(child) for child in (thread / "children").read_text().split()}
                found |= children
                todo[:0] = children
        except OSError:
            pass
        todo.pop()
    return sorted(found)

def left():
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("argon")]
    sockets = [name for name in os.listdir("/proc/self/fd") if "socket:" in link(name)]
    return len(names), len(sockets), len(family())

def link(name):
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        return ""

def soon(condition):
    for _ in range(1000):
        gc.collect()
        if condition():
            return True
        time.sleep(0.02)
    return False

def begin(path, seconds=600):
    Path(path).write_text(" ".join(map(str, [os.getpid(), os.getppid()])))
    time.sleep(seconds)
    return "slept"

"""


def start(folder: Path, program: str, *arguments: str) -> subprocess.Popen[str]:
    file = folder / "program.py"
    file.write_text(COMMON + textwrap.dedent(program))
    return subprocess.Popen(
        [sys.executable, file, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=folder,
    )


def finish(program: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        said, errors = program.communicate(timeout=WITHIN_S)
    except subprocess.TimeoutExpired:
        program.kill()
        said, errors = program.communicate()
        pytest.fail(f"it does not end: {said} {errors}")
    return program.returncode, said, errors


# ---- one Ctrl-C ------------------------------------------------------------------------------------------------------

INTERRUPTED = {
    "run": "with argon.local(1) as client: client.run(begin, 'began')",
    "run of a client that nobody closes": "client = argon.local(1); client.run(begin, 'began')",
    "result": "with argon.local(1) as client: client.submit(begin, 'began').result()",
    "map": "with argon.local(1) as client: list(client.map(begin, ['began', 'again']))",
    "wait": "with argon.local(1) as client: concurrent.futures.wait([client.submit(begin, 'began')])",
    "as_completed": "with argon.local(1) as client:\n"
    "        list(concurrent.futures.as_completed([client.submit(begin, 'began')]))",
    "the block": "with argon.local(1) as client: client.submit(begin, 'began'); time.sleep(600)",
    "a function that goes on by itself": "with argon.local(1) as client:\n"
    "        client.with_options(retries=0).submit(stubborn, 'began').result()",
    "result of an executor": "with argon.Executor(max_workers=1) as pool: pool.submit(begin, 'began').result()",
    "map of an executor": "with argon.Executor(max_workers=1) as pool: list(pool.map(begin, ['began', 'again', 'b']))",
    "map ahead of an executor": "with argon.Executor(max_workers=1) as pool:\n"
    "        list(pool.map(begin, ['began', 'again', 'b'], buffersize=2))",
    "the end of an executor's block": "with argon.Executor(max_workers=1) as pool: pool.submit(begin, 'began')",
    "shutdown": "pool = argon.Executor(max_workers=1); pool.submit(begin, 'began'); pool.shutdown()",
    "an executor that nobody shuts down": "pool = argon.Executor(max_workers=1); pool.submit(begin, 'began').result()",
    "result after shutdown": "pool = argon.Executor(max_workers=1); f = pool.submit(begin, 'began')\n"
    "    pool.shutdown(wait=False); f.result()",
    "an executor that is dropped": "argon.Executor(max_workers=1).submit(begin, 'began').result()",
    "asyncio": "asyncio.run(waits())",
    "asyncio with an executor": "asyncio.run(waits_for_a_pool())",
}

INTERRUPT = """
async def waits():
    with argon.local(1) as owner:
        async with argon.AsyncClient(owner.address, token=owner.token) as client:
            await client.run(begin, "began")

async def waits_for_a_pool():
    with argon.Executor(max_workers=1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, begin, "began")

def stubborn(path):
    try:
        begin(path)
    except BaseException:
        time.sleep(600)

if __name__ == "__main__":
    BODY
"""


@pytest.mark.parametrize("where", INTERRUPTED)
def test_one_ctrl_c_ends_the_program_and_its_processes(where: str, tmp_path: Path) -> None:
    program = start(tmp_path, INTERRUPT.replace("BODY", INTERRUPTED[where]))
    began = tmp_path / "began"
    wait_until(lambda: program.poll() is not None or (began.exists() and began.read_text()))
    worker, node = map(int, began.read_text().split())
    os.kill(program.pid, signal.SIGINT)
    code, said, errors = finish(program)
    assert (code, said) == (-signal.SIGINT, "")
    assert errors.startswith("Traceback") and errors.endswith("KeyboardInterrupt\n")
    assert "Exception ignored" not in errors and "Exception in thread" not in errors
    wait_until(lambda: has_ended(worker) and has_ended(node))
