"""The worker processes of a node: how they end and are replaced, and what they never see."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from argon.node.node import Node
from tests.support import light_tasks as tasks
from tests.support.in_process import TOKEN, WITHIN_S, TaskGate, eventually, network, pid_ended
from tests.support.observed_nodes import levels, pids


@pytest.mark.parametrize("ending", [Node.shutdown, Node.drain])
def test_end_leaves_no_process_behind(ending: Callable[[Node], None]) -> None:
    with network(workers=2) as net:
        workers = pids(net.node)
        assert len(workers) == 2
        ending(net.node)
        assert net.node.wait(WITHIN_S)
        assert all(pid_ended(pid) for pid in workers)


def test_worker_that_dies_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with network() as net, net.client() as client:
        (pid,) = pids(net.node)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: any("signal 9" in record.message for record in caplog.records))
        assert client.run(tasks.pid) != pid


@pytest.mark.parametrize("task", ["hold", "hold_against_sigterm"])
@pytest.mark.parametrize("wanted", [True, False])
def test_end_of_a_worker_is_a_warning_only_where_the_node_did_not_want_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: bool, task: str
) -> None:
    caplog.set_level(logging.DEBUG, "argon")
    gate = TaskGate(tmp_path, task=task)
    with network(node={"kill_after": 0.05}) as net, net.client() as client:
        future = client.submit(*gate.call)
        gate.wait()
        if wanted:
            future.cancel()
        else:
            os.kill(pids(net.node)[0], signal.SIGKILL)
        eventually(lambda: levels(caplog, "ended: signal"))
        assert levels(caplog, "ended: signal") == {logging.DEBUG if wanted else logging.WARNING}


def test_workers_never_see_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGON_TOKEN", TOKEN)
    with network(node={"token": None}) as net, net.client() as client:
        assert client.run(os.getenv, "ARGON_TOKEN") is None
