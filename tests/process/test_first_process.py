"""A command as PID 1 of a container: its orphans are waited for, and signals reach it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argon.process.first_process import leave_first_process
from tests.support.container import CONTAINER, first_process, needs_container
from tests.support.waiting import wait_until

PROGRAM = """
import os, signal, subprocess, sys, time
from argon.process.first_process import leave_first_process
leave_first_process()
signal.alarm(30)  # whatever fails here, it ends
"""
ORPHANS = """
for _ in range(5):
    subprocess.run("(sleep 0.05 &)", shell=True, check=True)
def stats():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
while len(list(stats())) > 2:  # a zombie is counted too
    time.sleep(0.01)
print("alone with", os.getppid(), os.getpid() != 1)
"""
# Takes one signal after the other. The last has the highest number: it is passed on after all others.
SIGNALS = """
taken = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGRTMIN}
signal.pthread_sigmask(signal.SIG_BLOCK, taken)
print("up", flush=True)
while (number := signal.sigwaitinfo(taken).si_signo) != signal.SIGRTMIN:
    print(signal.Signals(number).name, flush=True)
"""
LEAD_A_SESSION = """
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""


def contained(program: str, before: str = "", **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CONTAINER, sys.executable, "-c", before + PROGRAM + program], stdout=subprocess.PIPE, text=True, **options
    )  # type: ignore[call-overload,no-any-return]  # options of Popen


def lines(container: subprocess.Popen[str]) -> Iterator[str]:
    assert container.stdout is not None
    return map(str.rstrip, container.stdout)


def test_elsewhere_nothing_happens() -> None:
    before = os.getpid()
    leave_first_process()
    assert os.getpid() == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


@needs_container
def test_orphans_are_waited_for() -> None:
    with contained(ORPHANS) as container:
        assert container.communicate(timeout=60)[0] == "alone with 1 True\n"
    assert container.returncode == 0


@needs_container
@pytest.mark.parametrize(("end", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", 137)])
def test_the_container_ends_as_its_command_ends(end: str, code: int) -> None:
    with contained(end) as container:
        container.communicate(timeout=60)
    assert container.returncode == code


@needs_container
def test_it_ends_with_its_command_where_the_end_of_children_is_ignored() -> None:
    with contained("sys.exit(7)", before="import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n") as container:
        try:
            assert container.wait(30) == 7
        finally:
            container.kill()


@needs_container
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_reaches_the_command(number: signal.Signals) -> None:
    program = (
        "def told(number, frame):\n    print(int(number)); sys.exit(3)\n"
        f"signal.signal({int(number)}, told)\nprint('up', flush=True)\ntime.sleep(60)\n"
    )
    with contained(program) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == "up\n"
        os.kill(first_process(container), number)
        assert container.stdout.read() == f"{int(number)}\n"
    assert container.returncode == 3


@needs_container
def test_a_signal_that_nobody_handles_ends_the_command() -> None:
    with contained("print('up', flush=True)\ntime.sleep(60)\n") as container:
        assert container.stdout is not None
        container.stdout.readline()
        os.kill(first_process(container), signal.SIGTERM)
    assert container.returncode == 128 + signal.SIGTERM


@needs_container
def test_a_signal_to_the_whole_group_reaches_the_command_once() -> None:
    apart = "while os.getpgid(1) == os.getpgrp():\n    time.sleep(0.01)\n"
    with contained(apart + SIGNALS, start_new_session=True) as container:
        said = lines(container)
        assert next(said) == "up"
        os.killpg(container.pid, signal.SIGTERM)
        assert next(said) == "SIGTERM"
        os.kill(first_process(container), signal.SIGRTMIN)
        assert list(said) == []
    assert container.returncode == 0


@needs_container
@pytest.mark.parametrize(("where", "told"), [("", ["SIGINT", "SIGHUP"]), ("os.setpgid(0, 0)", ["SIGHUP"])])
def test_ctrl_c_is_the_terminals_to_send_and_its_end_is_passed_on(where: str, told: list[str]) -> None:
    ours, theirs = pty.openpty()
    with contained(f"{where}\n{SIGNALS}", before=LEAD_A_SESSION, stdin=theirs) as container:
        os.close(theirs)
        said = lines(container)
        assert next(said) == "up"
        os.write(ours, b"\x03")
        assert os.read(ours, 2) == b"^C"  # it is sent when that is shown
        for name in told[:-1]:
            assert next(said) == name
        os.close(ours)
        assert next(said) == told[-1]
        os.kill(first_process(container), signal.SIGRTMIN)
        assert list(said) == []
    assert container.returncode == 0


@needs_container
def test_a_node_in_a_container_obeys_sigterm(tmp_path: Path) -> None:
    command = [*CONTAINER, sys.executable, "-m", "argon", "node", "--port", "0", "--workers", "1"]
    environment = {**os.environ, "ARGON_TOKEN_FILE": str(tmp_path / "token")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as container:
        assert container.stdout is not None
        assert "ready" in container.stdout.readline()
        children = Path(f"/proc/{first_process(container)}/task/{first_process(container)}/children")
        wait_until(lambda: children.read_text().split())
        os.kill(first_process(container), signal.SIGTERM)
        assert container.wait(60) == 0
