"""`argon node`: the process that runs tasks in its workers.

In: the cluster to join, or the port to listen at without one. Out: one line on stdout when it is registered (or
listens) and its workers are ready. Blocks until it is told to stop by a signal, and then drains.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from argon.cli.arguments import (
    address_option,
    bad_value,
    debug_option,
    directories,
    refused_as_usage,
    whole_number,
)
from argon.cli.failures import Verbosity
from argon.cli.logs import log_to_stderr
from argon.settings import MAX_WORKERS

EXAMPLE = """\b
Examples:
  argon node --manager localhost:8000 --workers 4 --include ./tasks
  argon node --port 8001
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--manager",
    "--cluster",
    "manager",
    metavar="HOST:PORT",
    type=address_option("--manager or --cluster"),
    help="The cluster to take tasks from.",
)
@click.option(
    "--workers",
    metavar="N",
    type=whole_number("--workers", 1, MAX_WORKERS),
    help="How many tasks run at once, each in its own process; without it, one for each CPU.",
)
@click.option(
    "--max-requests",
    metavar="N",
    type=whole_number("--max-requests", 1),
    help="Replace a worker's process after so many tasks.",
)
@click.option(
    "--include",
    metavar="DIR",
    multiple=True,
    shell_complete=directories,
    help="A directory to import tasks from. May be given several times.",
)
@click.option(
    "--port",
    metavar="PORT",
    type=whole_number("--port", 0, 65535),
    help="Listen for clients at this port, instead of joining a cluster; 0 lets the system choose.",
)
@click.option("--name", metavar="NAME", help="What the cluster calls it; without it, the host's name and a number.")
@click.option(
    "--report-load/--no-report-load",
    default=True,
    help="Tell the cluster how busy this machine is, so that it prefers others when this one has much else to do.",
)
@debug_option
@click.pass_obj
def command(
    verbosity: Verbosity,
    manager: str | None,
    workers: int | None,
    max_requests: int | None,
    include: Sequence[str],
    port: int | None,
    name: str | None,
    report_load: bool,
) -> None:
    """Start a node, which runs tasks.

    It takes them from a cluster (--manager, or --cluster), or listens alone for clients (--port).

    Stop it with Ctrl-C or SIGTERM: it finishes what it has, and leaves. A second signal stops it at once.
    """
    if (manager is None) == (port is None):
        raise click.BadParameter(
            "give one: the cluster to join, or the --port to listen at alone", param_hint="--manager"
        )
    for directory in include:
        if not Path(directory).is_dir():
            raise bad_value("--include", "want a directory", directory)
    from argon.node.node import Node

    log_to_stderr(verbosity.debug)
    with refused_as_usage():
        node = Node(
            manager, workers, max_requests, include=list(include), name=name, port=port, report_load=report_load
        )
    node.start(on_ready=lambda: print(ready_line(node.name, node.workers, manager, node.address), flush=True))


def ready_line(name: str, workers: int, manager: str | None, address: str | None) -> str:
    """What a node says when tasks may come."""
    counted = f"{workers} worker{'s' if workers != 1 else ''}"
    if manager is None:
        return f"argon node {name} ready at {address}: {counted}"
    return f"argon node {name} ready: {counted}, cluster {manager}"
