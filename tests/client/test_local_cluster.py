"""The owner's hold on a local cluster: how it starts, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

import argon
from argon.client import local_cluster as local_module
from argon.client.local_cluster import LocalCluster
from argon.errors import ConnectionFailed
from tests.support import light_tasks as tasks
from tests.support.family import family
from tests.support.in_process import WITHIN_S, eventually, pid_ended


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


def test_child_ends_though_its_start_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(self: LocalCluster, answer_fd: int) -> str:
        started.append(self._process)
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalCluster, "_wait_for_address", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LocalCluster(1)
    assert started[0].returncode is not None


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


def test_end_is_told_as_the_system_tells_it_and_waited_for_only_so_long() -> None:
    cluster = LocalCluster(1)
    assert cluster.ended(0.0) is None
    cluster._process.kill()
    assert cluster.ended(60.0) == "signal 9"
    cluster.close()
    other = LocalCluster(1)
    other.close()
    assert other.ended(0.0) == "exit code 0"
