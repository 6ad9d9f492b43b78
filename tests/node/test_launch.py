"""What all workers of a node are started with."""

from __future__ import annotations

import os
import sys

import msgspec
import pytest

from argon.ipc.worker_config import WorkerConfig
from argon.node.launch import THREAD_VARIABLES, Launch, worker_environment


def test_command_line_has_the_interpreters_options_and_all_that_a_worker_needs() -> None:
    launch = Launch("node-1", ["/a"], 1 << 20, ["-O"], {}, 7, 300)
    command = launch.command(3, 4, 5)
    assert command[:2] == [sys.executable, "-O"]
    assert "argon.worker.main" in command
    config = msgspec.json.decode(command[-1], type=WorkerConfig)
    assert config == WorkerConfig(3, 4, 5, os.getpid(), "node-1", ["/a"], 1 << 20, 7, 300)


def test_mark_is_in_the_environment_of_the_worker_alone() -> None:
    launch = Launch("node-1", [], 1 << 20, environment={"A": "1"})
    assert launch.marked("mark.1") == {"A": "1", "ARGON_WORKER": "mark.1"}
    assert launch.environment == {"A": "1"}


@pytest.mark.parametrize("owned", [True, False])
def test_token_of_a_node_does_not_reach_its_workers(owned: bool) -> None:
    environment = worker_environment({"ARGON_TOKEN": "t", "A": "1"}, 2, owned=owned)
    assert environment["A"] == "1"
    assert ("ARGON_TOKEN" in environment) is owned  # then it is one of the owner's own


def test_threads_are_limited_where_the_environment_does_not_say_it() -> None:
    environment = worker_environment({"OMP_NUM_THREADS": "9"}, 2, owned=False)
    assert environment == {**dict.fromkeys(THREAD_VARIABLES, "2"), "OMP_NUM_THREADS": "9"}
