"""How programs end, and what they forget to end: clients that nobody holds any more, one Ctrl-C, a killed cluster.

The situations are from dask/distributed#4623, Vonage/vonage-java-sdk#628 and projectnessie/nessie#6630 (threads that
outlive forgotten clients), python/cpython#107505 and noxdafox/pebble#154 (cancel on an event loop). Forgotten and
broken executors end as python/cpython's ProcessPoolExecutor does.
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
    assert errors.startswith("Traceback")
    assert errors.endswith("KeyboardInterrupt\n")
    assert "Exception" not in errors.replace("KeyboardInterrupt", "")  # neither ignored, nor in a thread
    wait_until(lambda: has_ended(worker) and has_ended(node))


AT_THE_END = """
import atexit

def begin_soon(path):
    time.sleep(1)
    begin(path, 0)
    return "done"

if __name__ == "__main__":
    pool = argon.Executor(max_workers=1)
    future = pool.submit(begin, "began")
    BODY
"""


@pytest.mark.parametrize("ending", ["pool.shutdown(wait=False)", "pass", "pool = None", "pool = None; future = None"])
def test_ctrl_c_while_the_interpreter_waits_for_an_executors_tasks_ends_it(ending: str, tmp_path: Path) -> None:
    program = start(tmp_path, AT_THE_END.replace("BODY", ending + "; print('the end', flush=True)"))
    began = tmp_path / "began"
    wait_until(lambda: program.poll() is not None or (began.exists() and began.read_text()))
    assert program.stdout is not None
    assert program.stdout.readline() == "the end\n"
    worker, node = map(int, began.read_text().split())
    time.sleep(0.3)  # the interpreter says by nothing that it has begun to end
    os.kill(program.pid, signal.SIGINT)
    _, _, errors = finish(program)
    assert errors.endswith("KeyboardInterrupt: \n")
    assert errors.count("Traceback") == 1
    wait_until(lambda: has_ended(worker) and has_ended(node))


# ---- forgotten -------------------------------------------------------------------------------------------------------

FORGOTTEN = """
def views(owner):
    client = argon.Client(owner.address, token=owner.token)
    return client.with_options(timeout=60).with_options(priority=argon.Priority.LOW)

def in_a_cycle(owner):
    client = argon.Client(owner.address, token=owner.token)
    client.itself = client
    return client

def in_its_callback(owner):
    client = argon.Client(owner.address, token=owner.token)
    client.submit(time.sleep, 0.2).add_done_callback(lambda _: client.address)
    return client

def run_here(owner):
    client = argon.Client(owner.address, token=owner.token)
    return client.with_options(on_overload="run_here")

MAKE = {
    "Client": lambda owner: argon.Client(owner.address, token=owner.token),
    "views": views, "in_a_cycle": in_a_cycle, "in_its_callback": in_its_callback, "run_here": run_here,
    "local": lambda owner: argon.local(1),
    "Executor": lambda owner: argon.Executor(owner.address, token=owner.token),
    "Executor of its own": lambda owner: argon.Executor(max_workers=1),
}

if __name__ == "__main__":
    with argon.local(1) as owner:
        before = left()
        make = MAKE[sys.argv[1]]
        client = make(owner)
        held = [client.submit(time.sleep, 0.3), client.submit(pow, 2, 5)]
        client.submit(begin, "began", 0)
        assert left() != before
        client = None
        gc.collect()
        assert [future.result(20) for future in held] == [None, 32]
        assert soon(lambda: left() == before), (before, left(), threading.enumerate())
        assert Path("began").exists()
        assert held[0].done() and held[0].cancel() is False and held[0].result() is None
        print("nothing is left")
"""

WAYS = ["Client", "views", "in_a_cycle", "in_its_callback", "run_here", "local", "Executor", "Executor of its own"]


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_holds_any_more_finishes_its_tasks_and_leaves_nothing(way: str, tmp_path: Path) -> None:
    code, said, errors = finish(start(tmp_path, FORGOTTEN, way))
    assert (code, said, errors) == (0, "nothing is left\n", "")


def test_forgotten_map_cancels_what_nobody_will_ask_for(tmp_path: Path) -> None:
    program = """
    if __name__ == "__main__":
        with argon.local(1) as client:
            values = client.map(time.sleep, [0] + 50 * [600])
            next(values)
            del values
            assert client.submit(pow, 2, 5).result(20) == 32
        before = left()
        values = argon.local(1).map(time.sleep, [0] + 50 * [600])
        next(values)
        del values
        assert soon(lambda: left() == before), (before, left())
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


def test_view_keeps_its_client_though_the_client_is_forgotten(tmp_path: Path) -> None:
    program = """
    if __name__ == "__main__":
        view = argon.local(1).with_options(timeout=60)
        gc.collect()
        time.sleep(0.5)
        assert view.run(pow, 2, 5) == 32
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


@pytest.mark.parametrize("pool", ["argon.Executor(max_workers=1)", "concurrent.futures.ProcessPoolExecutor(1)"])
def test_forgotten_executors_tasks_are_finished_before_the_interpreter_ends(pool: str, tmp_path: Path) -> None:
    program = f"""
    if __name__ == "__main__":
        pool = {pool}
        for number in range(3):
            future = pool.submit(begin, f"began-{{number}}", 0.3)
            future.add_done_callback(lambda done: print(done.result(), flush=True))
        del pool, future
        gc.collect()
    """
    assert finish(start(tmp_path, program)) == (0, 3 * "slept\n", "")
    assert (tmp_path / "began-2").exists()


def test_client_forgotten_on_its_own_thread_does_not_wait_for_itself(tmp_path: Path) -> None:
    program = """
    def forget(_):
        kept.clear()
        gc.collect()

    if __name__ == "__main__":
        before = left()
        kept = [argon.local(1)]
        future = kept[0].submit(time.sleep, 0.3)
        future.add_done_callback(forget)
        kept[0].submit(begin, "began", 0)
        future.result(20)
        assert soon(lambda: left() == before), (before, left())
        assert Path("began").exists()
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


def test_forked_process_that_forgets_a_client_leaves_it_to_its_parent(tmp_path: Path) -> None:
    program = """
    if __name__ == "__main__":
        __import__("warnings").simplefilter("ignore", DeprecationWarning)  # of os.fork() beside threads
        client = argon.local(1)
        future = client.submit(time.sleep, 0.5)
        child = os.fork()
        if child == 0:
            del client, future
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        assert future.result(20) is None
        assert client.run(pow, 2, 5) == 32
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


def test_async_client_that_nobody_holds_leaves_when_its_tasks_are_done(tmp_path: Path) -> None:
    program = """
    async def forget(owner):
        before = left()[:2]
        client = argon.AsyncClient(owner.address, token=owner.token)
        await client.connect()
        held = client.with_options(timeout=60).submit(time.sleep, 0.3), client.submit(pow, 2, 5)
        client.submit(begin, "began", 0)
        del client
        gc.collect()
        assert [await future for future in held] == [None, 32]
        while left()[:2] != before or len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.02)
        assert Path("began").exists()

    async def leave_open(owner):
        client = argon.AsyncClient(owner.address, token=owner.token)
        await client.connect()
        client.submit(time.sleep, 0.3)
        return client

    if __name__ == "__main__":
        with argon.local(1) as owner:
            asyncio.run(forget(owner))
            before = left()[:2]
            client = asyncio.run(leave_open(owner))
            assert left()[:2] == before, (before, left()[:2])
            del client
            loop = asyncio.new_event_loop()
            client = loop.run_until_complete(leave_open(owner))
            loop.close()
            del client, loop
            assert soon(lambda: left()[:2] == before), (before, left()[:2])
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


# ---- on an event loop ------------------------------------------------------------------------------------------------


def test_loop_goes_on_while_a_cluster_that_has_stopped_is_asked_to_cancel(tmp_path: Path) -> None:
    program = """
    import signal

    async def main(pool, node):
        loop = asyncio.get_running_loop()
        futures = [loop.run_in_executor(pool, begin, f"began-{number}", 1) for number in range(4)]
        while not Path("began-0").exists():
            await asyncio.sleep(0.02)
        os.kill(node, signal.SIGSTOP)
        begun = time.monotonic()
        for future in futures:
            future.cancel()
        await asyncio.sleep(0)
        pool.shutdown(wait=False, cancel_futures=True)
        took = time.monotonic() - begun
        os.kill(node, signal.SIGCONT)
        return took

    if __name__ == "__main__":
        pool = argon.Executor(max_workers=1)
        took = asyncio.run(main(pool, pool._local._process.pid))
        assert took < 5, took
        pool.shutdown()
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


def test_clients_and_executors_are_closed_on_a_loop_without_a_deadlock(tmp_path: Path) -> None:
    program = """
    async def main(owner):
        loop = asyncio.get_running_loop()
        client = argon.Client(owner.address, token=owner.token)
        future = asyncio.wrap_future(client.submit(time.sleep, 600))
        client.close()
        try:
            await future
        except argon.TaskLost:
            pass
        with argon.Executor(max_workers=1) as pool:
            waiting = loop.run_in_executor(pool, time.sleep, 0.3)
        await waiting
        with argon.local(1) as client:
            assert client.run(pow, 2, 5) == 32

    if __name__ == "__main__":
        with argon.local(1) as owner:
            asyncio.run(main(owner))
    """
    assert finish(start(tmp_path, program)) == (0, "", "")


# ---- a cluster of one's own that has died ----------------------------------------------------------------------------


def test_local_cluster_that_is_killed_ends_its_client(tmp_path: Path) -> None:
    program = """
    import signal

    def outcome(call, *arguments):
        try:
            return call(*arguments)
        except Exception as error:
            return error

    if __name__ == "__main__":
        client = argon.local(1)
        held = client.submit(begin, "began")
        twice = client.with_options(idempotent=True).submit(begin, "again")
        while not Path("began").exists():
            time.sleep(0.02)
        os.kill(client._local._process.pid, signal.SIGKILL)
        for future in (held, twice):
            assert isinstance(future.exception(20), argon.TaskLost), future
        print(twice.exception())
        ways = client.run, client.submit, lambda *call: client.status(), lambda *call: [*client.map(abs, [1])]
        for way in ways:
            assert isinstance(error := outcome(way, abs, -1), argon.ConnectionFailed), error
        print(error)
        client.close()
    """
    code, said, errors = finish(start(tmp_path, program))
    assert (code, errors) == (0, "")
    assert said.splitlines() == [
        "the task is lost: the local cluster has ended (signal 9)",
        "the local cluster has ended (signal 9); create a new client",
    ]
