"""A forked process has nothing of its parent's connections, and everything else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

PROGRAM = """
import os, socket, sys
from argon.net.forked_sockets import keep_from_children

connections = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(2)]
for connection in connections:
    keep_from_children(connection)
closed = connections.pop()
number = closed.fileno()
closed.close()
reading, writing = os.pipe()  # one of them has the number of what was closed
assert number in (reading, writing)
go_on, end = os.pipe()
if os.fork() == 0:
    os.write(writing, b"a pipe is a pipe")
    os.close(end)
    os.read(go_on, 1)  # until the parent's parent lets it
    os._exit(0)
assert os.read(reading, 100) == b"a pipe is a pipe"
print("forked", flush=True)
sys.stdin.read()
os._exit(0)  # and the child lives on
"""


def test_connection_ends_with_its_process_though_a_child_lives_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", PROGRAM, port], **pipes) as process:  # type: ignore[call-overload]
            first, _ = listening.accept()
            second, _ = listening.accept()
            with first, second:
                assert process.stdout.readline() == b"forked\n"
                first.setblocking(False)
                assert _said(first) is None, "its own process still has it"
                process.stdin.close()
                assert process.wait(20) == 0
                first.settimeout(20.0)
                assert first.recv(1) == b""


def _said(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(1)
    except BlockingIOError:
        return None


def test_process_that_has_no_connection_forks_as_ever() -> None:
    program = "import os, argon.net.forked_sockets; os._exit(0 if os.fork() or not os.write(1, b'child') else 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20.0, check=True)
    assert (done.stdout, done.stderr) == (b"child", b"")
    assert os.path.exists(os.devnull)
