"""Work that survives a node killed with `kill -9`, because it says that it may run twice.

    python examples/survive_a_killed_node.py

Each task writes its result to a file of its own, first aside and then into place: to do it twice is the same as to do
it once. That is what `idempotent=True` promises to the cluster, which then runs a lost task elsewhere instead of
reporting it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import argon

TASKS = 24


def digest(number: int, folder: str) -> str:
    time.sleep(0.05)  # stands for real work
    text = hashlib.sha256(str(number).encode()).hexdigest()
    aside = Path(folder, f".{number}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(Path(folder, str(number)))
    return text


def start_cluster(stack: ExitStack) -> argon.Cluster:
    cluster, ready = argon.Cluster(port=0), Event()
    thread = Thread(target=cluster.start, kwargs={"on_ready": ready.set})
    thread.start()
    stack.callback(thread.join)
    stack.callback(cluster.shutdown)
    ready.wait()
    return cluster


def start_node(stack: ExitStack, address: str, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "argon", "node", "--manager", address, "--workers", "2", "--name", name]
    node = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    stack.callback(node.terminate)
    return node


def wait_ready(node: "subprocess.Popen[str]") -> None:
    assert node.stdout is not None
    node.stdout.readline()  # "argon node ... ready"


def main() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cluster = start_cluster(stack)
        nodes = [start_node(stack, cluster.address, name) for name in ("steady", "victim")]
        for node in nodes:
            wait_ready(node)
        client = stack.enter_context(argon.Client(cluster.address))

        careful = client.with_options(idempotent=True)
        futures = [careful.submit(digest, number, folder) for number in range(TASKS)]
        wait(futures, return_when=FIRST_COMPLETED)
        nodes[1].kill()

        values = [future.result() for future in futures]
        numbers = client.status()
        files = [Path(folder, str(number)).read_text() for number in range(TASKS)]
        print(f"tasks completed: {len(values)} of {TASKS}")
        print(f"files as they should be: {sum(map(str.__eq__, values, files))}")
        print(f"nodes left: {', '.join(node['name'] for node in numbers['nodes'])}")
        print(f"run again: {numbers['counters']['requeued']}")


if __name__ == "__main__":
    main()
