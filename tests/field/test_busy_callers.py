"""A caller that is busy with something else is not dead: what it has submitted goes on, and nothing is lost.

Reported of other systems, where the caller's heartbeat waits for the caller: finos/opengris-scaler#798,
dask/distributed#6325, NousResearch/hermes-agent#73318 (a lock held in C), alengwenus/pypck#3, celery/celery#5464,
pika/pika#418 (a loop that runs now and then), dask/dask-docker#113, dask/distributed#6762 (a cluster that comes later).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.in_process import TOKEN, eventually, free_port, make_cluster, make_node, pid_ended, serving
from tests.support.waiting import wait_until

PATIENCE = "heartbeat=0.2, dead_after=0.6"
BUSY_S = 2.0  # far longer than a peer may be silent
WITHIN_S = 50.0

BEGIN = """
import argon, asyncio, ctypes, os, sys, threading, time

def work(seconds):
    time.sleep(seconds)
    return "done"
"""


def output_of(program: str, *arguments: str) -> str:
    """What a program prints; it must end well."""
    command = [sys.executable, "-c", BEGIN + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "busy",
    [
        f"ctypes.PyDLL(None).usleep({int(BUSY_S * 1e6)})",  # keeps the interpreter's lock, as a long sort may
        f"client.submit(abs, 1).add_done_callback(lambda _: time.sleep({BUSY_S}))",  # on the thread of the connection
    ],
)
def test_thread_of_the_connection_that_cannot_run_costs_no_task(busy: str) -> None:
    program = f"""
with argon.local(workers=2, {PATIENCE}) as client:
    client.run(abs, 1)
    future = client.submit(work, {BUSY_S + 0.5})
    while not future.running():
        time.sleep(0.01)
    {busy}
    print(future.result(20), client.run(abs, -2))
"""
    assert output_of(program) == "done 2\n"


def test_loop_that_runs_only_now_and_then_costs_no_task() -> None:
    program = f"""
async def begin(client):
    future = client.submit(work, {BUSY_S + 0.5})
    await asyncio.sleep(0.3)
    return future

loop = asyncio.new_event_loop()
with argon.local(workers=2, {PATIENCE}) as owner:
    client = argon.AsyncClient(owner.address, token=owner.token)
    loop.run_until_complete(client.connect())
    future = loop.run_until_complete(begin(client))
    time.sleep({BUSY_S})
    at_the_prompt = client.submit(abs, -3)  # between two runs of the loop
    given_up = client.submit(work, 100)
    given_up.cancel()
    print(loop.run_until_complete(client.run(abs, -2)), loop.run_until_complete(at_the_prompt))
    print(loop.run_until_complete(future), given_up.cancelled())
    loop.run_until_complete(client.close())
"""
    assert output_of(program) == "2 3\ndone True\n"


def test_caller_that_is_stopped_for_a_while_keeps_its_tasks_and_its_own_cluster() -> None:
    program = f"""
with argon.local(workers=1, {PATIENCE}) as client:
    future = client.submit(work, {BUSY_S})
    while not future.running():
        time.sleep(0.01)
    print("running", flush=True)
    print(future.result(20), client.run(abs, -2), flush=True)
"""
    command = [sys.executable, "-c", BEGIN + program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGSTOP)
        ready, _, _ = select.select([process.stdout], [], [], BUSY_S + 0.5)
        assert not ready
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "done 2\n"
        assert process.wait(WITHIN_S) == 0


def test_caller_that_is_killed_loses_its_tasks_though_a_process_that_it_has_forked_lives_on(tmp_path: Path) -> None:
    program = """
with argon.Client(sys.argv[1], token=sys.argv[2]) as client:
    future = client.submit("tests.support.light_tasks:hold", *sys.argv[3:])
    child = os.fork()
    if child == 0:
        time.sleep(100)
        os._exit(0)
    print(child, flush=True)
    future.result()
"""
    gate = str(tmp_path / "started"), str(tmp_path / "go")
    for path in gate:
        os.mkfifo(path)
    ends = [os.open(path, os.O_RDWR) for path in gate]
    with serving(make_cluster()) as cluster, serving(make_node(manager=cluster.address)):
        command = [sys.executable, "-c", BEGIN + program, cluster.address, TOKEN, *gate]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            try:
                os.read(ends[0], 1)
                process.kill()
                eventually(lambda: cluster._shell.state.membership.in_flight == 0)
                assert not pid_ended(child)
            finally:
                os.kill(child, signal.SIGKILL)
    for end in ends:
        os.close(end)


def test_what_is_submitted_after_a_pause_goes_to_the_cluster_that_is_there_now() -> None:
    """The old cluster has ended while the loop stood still: nothing is sent to it, so nothing is lost with it."""
    port = str(free_port())
    program = """
async def use(client, number):
    return await client.run(abs, number)

async def several(client):
    return await asyncio.gather(*(client.run(abs, -number) for number in range(40)))

loop = asyncio.new_event_loop()
client = argon.AsyncClient("127.0.0.1:" + sys.argv[1], token=sys.argv[2])
loop.run_until_complete(client.connect())
print(loop.run_until_complete(use(client, -1)), flush=True)
sys.stdin.readline()
print(sum(loop.run_until_complete(several(client))), flush=True)
loop.run_until_complete(client.close())
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with serving(make_node(port=int(port))):
        process = subprocess.Popen([sys.executable, "-c", BEGIN + program, port, TOKEN], **pipes)  # type: ignore[call-overload]
        assert process.stdout.readline() == "1\n"
    with serving(make_node(port=int(port))), process:
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{sum(range(40))}\n"
        assert process.wait(WITHIN_S) == 0


def test_client_that_is_started_before_its_cluster_waits_for_it() -> None:
    port = str(free_port())
    program = """
with argon.Client("localhost:" + sys.argv[1], token=sys.argv[2], connect_timeout=40) as client:
    print(client.run(abs, -1))
"""
    command = [sys.executable, "-c", "print('begun', flush=True)" + BEGIN + program, port, TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        wait_until(lambda: b"argon-client" in _threads(process.pid))
        with serving(make_node(port=int(port))):
            assert process.stdout.readline() == "1\n"
            assert process.wait(WITHIN_S) == 0


def _threads(pid: int) -> list[bytes]:
    tasks = Path(f"/proc/{pid}/task")
    return [b"argon-client"] if len(list(tasks.iterdir())) > 1 else []
