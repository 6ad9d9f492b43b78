"""A cluster in one line: it works, it is this machine's alone, and it ends with its owner."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import argon
from argon.client.client import Client
from argon.client.local import LocalClient
from argon.client.local_cluster import LocalCluster
from argon.errors import AuthenticationFailed
from argon.net.security import make_token
from tests.support import light_tasks as tasks
from tests.support.family import family
from tests.support.in_process import WITHIN_S, TaskGate, pid_ended


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
        gates = [TaskGate(tmp_path, f"gate-{n}") for n in range(3)]
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
def test_workers_out_of_range_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="workers must be a whole number"):
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


def test_include_that_is_one_string_is_an_error() -> None:
    with pytest.raises(ValueError, match="include must be a list of directories"):
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


def test_tasks_print_to_the_owners_streams_and_never_hurt_the_start(capfd: pytest.CaptureFixture[str]) -> None:
    with argon.local(workers=1) as client:
        client.run(os.write, 1, b"said by a task\n")
        assert client.run(tasks.identity, 1) == 1
    out, err = capfd.readouterr()
    assert "said by a task" in out
    assert err == ""


def test_client_that_cannot_connect_ends_the_cluster() -> None:
    cluster = LocalCluster(1)
    processes = family(cluster._process.pid)
    cluster.token = make_token()  # not the one that it has
    with pytest.raises(AuthenticationFailed):
        LocalClient(cluster)
    assert all(pid_ended(pid) for pid in processes)
