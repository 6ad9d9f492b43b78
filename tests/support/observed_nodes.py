"""What can be seen of a node from outside: its workers, its log, and its name in the cluster."""

from __future__ import annotations

from tests.support.in_process import ThreadNetwork


def worker_pid(net: ThreadNetwork) -> int:
    assert net.node._pool is not None
    (pid,) = net.node._pool.pids().values()
    return pid
