"""Commands of Argon as the only program of a container: nobody but they looks after orphans, and `stop` is a signal.

The situations are from janitor-team/janitor#1202 and NousResearch/hermes-agent#15116 (zombies of what tasks leave
behind), krallin/tini#164 (signals to a first process) and Yelp/dumb-init#136 (the end of its terminal).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import argon
from tests.support.container import CONTAINER, first_process, needs_container
from tests.support.tasks import zombies_left_by
from tests.support.waiting import SharedGate, pass_gate, wait_until

pytestmark = needs_container
NODE = ("node", "--port", "0", "--workers", "1")


@contextmanager
def contained(*arguments: str, token: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts a command as a container's first process, in a group of its own out here; gives the address too."""
    container = subprocess.Popen(
        [*CONTAINER, sys.executable, "-m", "argon", *arguments],
        env={**os.environ, "ARGON_TOKEN_FILE": str(token)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with container:
        try:
            assert container.stdout is not None
            found = re.search(r" ready at ([^ ]+:\d+)", container.stdout.readline())
            assert found is not None
            yield container, found[1]
        finally:
            container.kill()


def test_what_tasks_leave_behind_does_not_pile_up(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with contained(*NODE, token=token) as (container, address):
        with argon.Client(address, token=token.read_text().strip()) as client:
            assert client.run(zombies_left_by, 20) == 0
        os.kill(first_process(container), signal.SIGTERM)
        assert container.wait(30) == 0


def test_a_stop_that_reaches_the_whole_group_lets_tasks_finish(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with (
        SharedGate(tmp_path / "gate") as gate,
        contained(*NODE, token=token) as (container, address),
        argon.Client(address, token=token.read_text().strip()) as client,
    ):
        future = client.submit(pass_gate, gate.path)
        wait_until(future.running)
        os.killpg(container.pid, signal.SIGTERM)
        brief = client.with_options(retries=0, timeout=0.5)  # one that came before the end would wait behind the other
        wait_until(lambda: getattr(brief.submit(abs, 1).exception(), "reason", None) == "DRAINING")
        gate.open()
        assert future.result(30) is None
        assert container.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cluster_ends_in_order_when_its_container_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    with contained("cluster", "--port", "0", token=tmp_path / "token") as (container, _):
        os.kill(first_process(container), number)
        assert container.wait(30) == 0


def test_a_node_that_is_killed_takes_its_container_along(tmp_path: Path) -> None:
    with contained(*NODE, token=tmp_path / "token") as (container, _):
        first = first_process(container)
        os.kill(int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0]), signal.SIGKILL)
        assert container.wait(30) == 128 + signal.SIGKILL
