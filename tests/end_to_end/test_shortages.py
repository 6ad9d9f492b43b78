"""A machine that runs out of something: whoever takes too much is ended and told so, everybody else goes on."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from argon.errors import MayHaveRun, TaskExpired, WorkerDied
from argon.settings import parse_address
from tests.end_to_end import tasks
from tests.support.control_group import control_group
from tests.support.entry_checker import EntryChecker
from tests.support.in_process import make_cluster, serving
from tests.support.network import ProcessNetwork, RunningCommand, quiet
from tests.support.waiting import WITHIN_S, wait_until


def small_node(network: ProcessNetwork, address: str, prefix: Sequence[str]) -> RunningCommand:
    return network.begin(
        "node", "--manager", address, "--workers", "1", "--name", "small", "--debug", prefix=prefix
    ).wait_ready()


def ends_well(command: RunningCommand) -> bool:
    command.signal(signal.SIGTERM)
    return command.wait() == 0


def test_worker_killed_for_want_of_memory_is_told_as_that(network: ProcessNetwork, checker: EntryChecker) -> None:
    cluster = network.cluster()
    client = network.client(cluster)
    with control_group("memory", limit_in_bytes=400 << 20) as group:
        node = small_node(network, cluster.address, group.prefix)
        with pytest.raises(WorkerDied, match="memory") as caught:
            checker.submit(client.submit, tasks.take_memory, 800 << 20).result(WITHIN_S)
        died = caught.value
        assert (died.oom, died.signal, died.node, died.may_have_run) == (True, signal.SIGKILL, "small", MayHaveRun.YES)
        assert group.count("memory.oom_control", "oom_kill") == 1
        checker.submit_many(client.submit, 20, tasks.mark)
        checker.close()
        assert len(checker.errors()) == 1
        wait_until(lambda: quiet(client.status(), 1))
        assert ends_well(node)


def test_fork_bomb_is_bounded_by_its_group_and_ends_with_its_task(
    network: ProcessNetwork, checker: EntryChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGON_TOKEN_FILE", str(network.token_file))
    with (
        serving(make_cluster(token=None, heartbeat=0.2, dead_after=1.0)) as cluster,
        control_group("pids", max=60) as group,
    ):
        node = small_node(network, cluster.address, group.prefix)
        client = network.client(cluster.address)
        bomb = checker.submit(client.with_options(timeout=2.0).submit, tasks.fork_without_end)
        with pytest.raises(TaskExpired):
            bomb.result(WITHIN_S)
        assert group.count("pids.events", "max") > 0
        checker.submit_many(client.submit, 5, tasks.mark)
        checker.close()
        assert len(checker.errors()) == 1
        wait_until(lambda: quiet(client.status(), 1) and not strays(node))
        assert client.status()["counters"]["lost"] == 0
        assert node.errors().count("connected to the cluster") == 1, "it was taken for dead"
        assert ends_well(node)


def strays(node: RunningCommand) -> int:
    """How many processes there are besides the node, its reaper and its worker."""
    return len(node.family()) - 3


def on_a_full_device(_: Path) -> tuple[str, ...]:
    """Standard error is a device that is full from the beginning."""
    return "sh", "-c", 'exec "$@" 2> /dev/full', "sh"


def on_a_small_disk(folder: Path) -> tuple[str, ...]:
    """Standard error is a file on a disk of its own, which fills up and is gone with the process."""
    script = f'mount -t tmpfs -o size=16k none {folder} && exec "$@" 2> {folder}/log'
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a disk of one's own cannot be mounted without root")
    return "unshare", "--mount", "sh", "-c", script, "sh"


@pytest.mark.parametrize("place", [on_a_full_device, on_a_small_disk])
def test_disk_that_is_full_of_logs_stops_nobody(
    network: ProcessNetwork, checker: EntryChecker, tmp_path: Path, place: Callable[[Path], Sequence[str]]
) -> None:
    (disk := tmp_path / "disk").mkdir()
    prefix = place(disk)
    cluster = network.begin("cluster", "--port", "0", "--debug", prefix=prefix).wait_ready()
    node = small_node(network, cluster.address, prefix)
    client = network.client(cluster)
    for _ in range(200):  # each is a line of the log
        with socket.create_connection(parse_address(cluster.address), WITHIN_S) as stranger:
            stranger.sendall(b"garbage")
            stranger.recv(100)
    printed = checker.submit(client.submit, tasks.print_a_lot)
    error = printed.exception(WITHIN_S)
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOSPC, "only who prints is told"
    assert all(logs_to_a_full_disk(command) for command in (cluster, node))
    checker.submit_many(client.submit, 50, tasks.mark)
    checker.close()
    assert checker.errors() == [error]
    assert quiet(client.status(), 1)
    assert ends_well(node)
    assert ends_well(cluster)


def logs_to_a_full_disk(command: RunningCommand) -> bool:
    """Whether not one byte more can be written where it logs."""
    try:
        with open(f"/proc/{command.pid}/fd/2", "ab", buffering=0) as log:
            log.write(b".")
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False
