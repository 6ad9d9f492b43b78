"""What can be seen of a node from outside: its workers, its log, and its name in the cluster."""

from __future__ import annotations

import pytest

from argon.client.client import Client
from argon.node.node import Node
from tests.support.in_process import ThreadNetwork


def pids(node: Node) -> list[int]:
    assert node._pool is not None
    return list(node._pool.pids().values())


def worker_pid(net: ThreadNetwork) -> int:
    (pid,) = pids(net.node)
    return pid


def levels(caplog: pytest.LogCaptureFixture, part: str) -> set[int]:
    """At which levels a node has said this."""
    return {record.levelno for record in caplog.records if record.name == "argon.node" and part in record.message}


def names(client: Client) -> list[str]:
    return sorted(node["name"] for node in client.status()["nodes"] if node["workers"])
