"""`argon demo`: a cluster and two nodes on this machine, as real processes, in three acts.

In: nothing. Out: what happens, told on stdout; exit status 0 only if everything went as the demo says it does. It ends
within a minute, and no process outlives it, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from argon.cli.arguments import debug_option

if TYPE_CHECKING:
    from argon.cli.child_process import ChildProcess

EXAMPLE = "Example: argon demo"

QUEUE_LIMIT = 16
"""Small, so that the second act can fill it."""

WORKERS_PER_NODE = 2
TIME_LIMIT_S = 52.0
"""After so long the acts are broken off, which leaves time to stop every process within the minute."""


@click.command(epilog=EXAMPLE)
@debug_option
def command() -> None:
    """Run a demonstration on this machine.

    It starts a cluster and two nodes, and stops them at the end. It has three acts: a real job, which parses and
    measures every file of Python's standard library; an overload, after which the cluster recovers; and a node that is
    killed in the middle of a job.
    """
    from argon.cli.child_process import ended_by_exceptions
    from argon.cli.demo.library import measure_library
    from argon.cli.demo.trouble import kill_a_node, overload
    from argon.cli.terminal import say
    from argon.client.client import Client

    with ended_by_exceptions(time_limit_s=TIME_LIMIT_S), demo_cluster() as (address, victim):
        say(f"A cluster at {address} (queue limit {QUEUE_LIMIT}), two nodes of {WORKERS_PER_NODE} workers.")
        with Client(address) as client:
            measure_library(client)
            overload(client)
            kill_a_node(client, victim.kill)
    say("\nEvery process of the demo has been stopped.")


@contextmanager
def demo_cluster() -> Iterator[tuple[str, ChildProcess]]:
    """A cluster with two nodes: its address, and the node that will not see the end of the demo."""
    from argon.cli.child_process import ready_address, running

    with running(["cluster", "--port", "0", "--queue-limit", str(QUEUE_LIMIT)]) as cluster:
        address = ready_address(cluster.ready_line)
        node = ["node", "--manager", address, "--workers", str(WORKERS_PER_NODE), "--name"]
        with running([*node, "node-a"]), running([*node, "node-b"]) as victim:
            yield address, victim
