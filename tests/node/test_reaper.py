"""The reaper as a process of its own: what it reads, and what it kills."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argon.node import reaper
from tests.support.processes import WITHIN_S


@pytest.fixture
def group() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def watching() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", str(Path(reaper.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def write_line(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode())


def end(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin is not None
    process.stdin.close()
    return process.wait(WITHIN_S)


def test_input_that_ends_kills_the_groups_still_listed(
    watching: subprocess.Popen[bytes], group: subprocess.Popen[bytes]
) -> None:
    write_line(watching, f"+{group.pid}\n")
    assert end(watching) == 0
    assert group.wait(WITHIN_S) == -signal.SIGKILL


def test_group_that_was_taken_off_the_list_lives(
    watching: subprocess.Popen[bytes], group: subprocess.Popen[bytes]
) -> None:
    write_line(watching, f"+{group.pid}\n-{group.pid}\n")
    assert end(watching) == 0
    assert group.poll() is None


def test_group_that_is_gone_does_not_hinder_the_next(
    watching: subprocess.Popen[bytes], group: subprocess.Popen[bytes]
) -> None:
    gone = "".join(f"+{number}\n" for number in range(0x7FF0000, 0x7FFFFFF, 251))  # the kernel gives no such numbers
    write_line(watching, f"{gone}+{group.pid}\n")
    assert end(watching) == 0
    assert group.wait(WITHIN_S) == -signal.SIGKILL


def test_process_loads_next_to_nothing() -> None:
    code = f"import runpy, sys; runpy.run_path({reaper.__file__!r}); print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code]
    listing = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    assert not set(listing.stdout.split()) & {"argon", "asyncio", "socket", "subprocess", "threading", "pickle"}


def marked(mark: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, reaper.VARIABLE: mark}
    return subprocess.Popen(["sleep", "60"], start_new_session=True, env=environment)


def watching_for(mark: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", str(Path(reaper.__file__)), mark]
    return subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)


def test_what_has_an_ended_workers_mark_is_killed_in_whatever_session_it_is() -> None:
    mark = secrets.token_hex(8)
    with watching_for(mark) as process, marked(f"{mark}.1") as stray, marked(f"{mark}.11") as other:
        try:
            write_line(process, f"-{0x7FFFFFF} 1\n")
            assert stray.wait(WITHIN_S) == -signal.SIGKILL
            assert other.poll() is None, "another worker's"
            assert end(process) == 0
            assert other.wait(WITHIN_S) == -signal.SIGKILL, "its node has ended"
        finally:
            for left in (process, stray, other):
                left.kill()


@pytest.mark.parametrize("refusal", [ProcessLookupError, PermissionError])
def test_process_that_cannot_be_killed_does_not_hinder_the_next(
    monkeypatch: pytest.MonkeyPatch, refusal: type[OSError]
) -> None:
    left, killed = ["1", "2"], []

    def kill(pid: int, number: int) -> None:
        if pid == 1:
            raise refusal
        killed.append((pid, number))
        left.clear()

    monkeypatch.setattr(reaper.os, "listdir", lambda _: list(left))
    monkeypatch.setattr(reaper, "_environment", lambda _: b"the mark.1")
    monkeypatch.setattr(reaper.os, "kill", kill)
    reaper._kill_marked(b"the mark")
    assert killed == [(2, signal.SIGKILL)]
