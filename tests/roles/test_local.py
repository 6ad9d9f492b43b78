"""A cluster in one line: it works, it is this machine's alone, and it ends with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import argon
from argon.errors import AuthenticationFailed, ConnectionFailed
from argon.net.security import make_token
from argon.roles import local as local_module
from argon.roles.client import Client
from argon.roles.local import LocalClient, LocalCluster
from tests.support import light_tasks as tasks
from tests.support.in_process import ROOT, WITHIN_S, Gate, eventually, pid_ended

OWNER = """
import os, sys
import argon
client = argon.local(workers=2)
client.submit("time:sleep", 60)
print(*[client.run(os.getpid) for _ in range(2)], client._local._process.pid, flush=True)
sys.stdin.read()
"""


def family(pid: int) -> list[int]:
    """The processes in the sessions that a local cluster has begun, by their parent."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def test_local_is_one_line_and_leaves_no_process_behind() -> None:
    with argon.local(workers=2) as client:
        assert isinstance(client, Client)
        assert client.run(pow, 2, 10) == 1024
        assert list(client.map(pow, range(100), [2] * 100)) == [n * n for n in range(100)]
        assert isinstance(client, LocalClient)
        processes = family(client._local._process.pid)
        assert len(processes) >= 3
    assert all(pid_ended(pid) for pid in processes)
    client.close()


def test_workers_is_how_many_tasks_run_at_a_time(tmp_path: Path) -> None:
    with argon.local(workers=3) as client:
        assert client.status()["workers"] == 3
        gates = [Gate(tmp_path, f"gate-{n}") for n in range(3)]
        futures = [client.submit(*gate.call) for gate in gates]
        for gate in gates:
            gate.wait()
        for gate in gates:
            gate.open()
        assert [future.result(WITHIN_S) for future in futures] == ["held"] * 3


def test_workers_default_to_the_cpus_that_this_process_may_use() -> None:
    with argon.local() as client:
        assert client.status()["workers"] == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("value", [0, -1, 4097, 1.5, "2", True])
def test_workers_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="workers is a whole number"):
        argon.local(workers=value)


def test_include_comes_before_the_owners_own_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "only_here.py").write_text("def where():\n    return __file__\n")
    monkeypatch.syspath_prepend(second)
    with argon.local(workers=1) as client:
        assert client.run("only_here:where") == str(second / "only_here.py")
    with argon.local(workers=1, include=[first]) as client:  # type: ignore[list-item]  # a Path does, too
        assert client.run("only_here:where") == str(first / "only_here.py")


def test_include_that_is_one_string_is_refused() -> None:
    with pytest.raises(ValueError, match="include is a list of directories"):
        argon.local(workers=1, include="/tmp")


def test_functions_of_the_owners_modules_are_found_without_a_word() -> None:
    with argon.local(workers=1) as client:
        assert client.run(tasks.identity, 1) == 1


def test_only_who_has_the_token_gets_in() -> None:
    with argon.local(workers=1) as client:
        with Client(client.address, token=client.token) as other:
            assert other.run(tasks.identity, 1) == 1
        with pytest.raises(AuthenticationFailed):
            Client(client.address, token=make_token())
        assert client.address.startswith("localhost:")
        assert client.run("os:getenv", "ARGON_TOKEN") is None


def test_token_is_on_no_command_line() -> None:
    with argon.local(workers=1) as client:
        for pid in family(client._local._process.pid):
            assert client.token.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_tasks_print_to_the_owners_standard_error_and_never_hurt_the_start(capfd: pytest.CaptureFixture[str]) -> None:
    with argon.local(workers=1) as client:
        client.run(os.write, 1, b"said by a task\n")
        assert client.run(tasks.identity, 1) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "said by a task" in err


def test_child_that_does_not_start_is_told_and_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_module.sys, "executable", "/bin/false")
    with pytest.raises(ConnectionFailed, match=r"did not start \(exit code 1\)"):
        LocalCluster(1)


def test_child_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec cat\n")
    silent.chmod(0o700)
    monkeypatch.setattr(local_module, "_START_TIMEOUT_S", 0.1)
    monkeypatch.setattr(local_module.sys, "executable", str(silent))
    with pytest.raises(ConnectionFailed, match="did not start"):
        LocalCluster(1)


def test_client_that_cannot_connect_ends_the_cluster() -> None:
    cluster = LocalCluster(1)
    processes = family(cluster._process.pid)
    cluster.token = make_token()  # not the one that it has
    with pytest.raises(AuthenticationFailed):
        LocalClient(cluster)
    assert all(pid_ended(pid) for pid in processes)


def test_closing_what_has_died_is_no_error() -> None:
    cluster = LocalCluster(1)
    os.kill(cluster._process.pid, signal.SIGKILL)
    cluster._process.wait(WITHIN_S)
    cluster.close()
    assert cluster._process.returncode == -signal.SIGKILL


def test_child_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = LocalCluster(1)
    processes = family(cluster._process.pid)
    monkeypatch.setattr(local_module, "_STOP_TIMEOUT_S", 0.05)
    os.kill(cluster._process.pid, signal.SIGSTOP)
    cluster.close()
    cluster.close()
    eventually(lambda: all(pid_ended(pid) for pid in processes))


def test_forked_process_does_not_end_the_cluster() -> None:
    with argon.local(workers=1) as client:
        child = os.fork()
        if child == 0:
            try:
                client.close()
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert client.run(tasks.identity, 1) == 1


def test_close_ends_the_cluster_gently_though_a_forked_process_lives_on() -> None:
    cluster = LocalCluster(1)
    processes = family(cluster._process.pid)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.read(reading, 1)  # until the test is over
        finally:
            os._exit(0)
    os.close(reading)
    try:
        cluster.close()
        assert cluster._process.returncode == 0  # and not killed when its time was over
        assert all(pid_ended(pid) for pid in processes)
        cluster.close()
    finally:
        os.close(writing)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "end"])
def test_owner_that_ends_in_whatever_way_takes_everything_along(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        *_, cluster = map(int, owner.stdout.readline().split())
        processes = family(cluster)
        assert len(processes) >= 3
        if ending == "end":
            owner.stdin.close()
        else:
            owner.send_signal(signal.Signals[ending])
        owner.wait(WITHIN_S)
        eventually(lambda: all(pid_ended(pid) for pid in processes))


def test_interrupt_at_the_terminal_is_the_owners_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        *workers, cluster = map(int, owner.stdout.readline().split())
        assert os.getsid(cluster) == cluster != os.getsid(owner.pid)
        assert all(os.getsid(worker) != os.getsid(owner.pid) for worker in workers)
        owner.kill()
