"""`argon node`: the process that runs tasks in its workers.

In: the cluster to join, or the port to listen on without one. Out: one line on stdout when it is registered (or
listens) and its workers are ready. Blocks until a signal asks it to stop, and then drains.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from argon.cli.arguments import (
    address_option,
    bad_value,
    dead_after_option,
    directories,
    heartbeat_option,
    refused_as_usage,
    server_debug_option,
    whole_number,
)
from argon.cli.failures import Verbosity
from argon.cli.logs import log_to_stderr
from argon.settings import MAX_PAYLOAD_BYTES, MAX_THREADS, MAX_WORKERS, MIN_MAX_PAYLOAD_BYTES

EXAMPLE = """\b
Examples:
  argon node --cluster localhost:8000 --workers 4 --include ./tasks
  argon node --port 8001
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--cluster",
    "--manager",
    "manager",
    metavar="HOST:PORT",
    type=address_option("--cluster or --manager"),
    help="Address of the cluster to serve.",
)
@click.option(
    "--workers",
    metavar="N",
    type=whole_number("--workers", 1, MAX_WORKERS),
    help="Number of worker processes, each of which runs one task at a time. Without it: one for each CPU.",
)
@click.option(
    "--max-requests",
    metavar="N",
    type=whole_number("--max-requests", 1),
    help="Replace a worker process after this many tasks. Without it: never.",
)
@click.option(
    "--include",
    metavar="DIR",
    multiple=True,
    shell_complete=directories,
    help="Directory in which the workers look for modules first. May be given several times.",
)
@click.option(
    "--port",
    metavar="PORT",
    type=whole_number("--port", 0, 65535),
    help="Listen for clients on this port, without a cluster. 0 lets the system choose; the ready line has its number.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the node in the cluster. Without it: the host name, the process id and a random number.",
)
@click.option(
    "--report-load/--no-report-load",
    default=True,
    help="Report to the cluster how busy this machine is, so that it prefers less busy nodes.",
)
@click.option(
    "--max-payload",
    metavar="BYTES",
    type=whole_number("--max-payload", MIN_MAX_PAYLOAD_BYTES, 1 << 31),
    default=MAX_PAYLOAD_BYTES,
    help="How many bytes a result may take; with --port, a task too. The cluster has a limit of its own.",
)
@click.option(
    "--threads-per-worker",
    metavar="N",
    type=whole_number("--threads-per-worker", 1, MAX_THREADS),
    help="How many threads BLAS, OpenMP and the like start in one worker, if the environment does not say it "
    "(OMP_NUM_THREADS and others). Without it: the CPUs divided by the workers.",
)
@heartbeat_option
@dead_after_option
@server_debug_option
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
    max_payload: int,
    threads_per_worker: int | None,
    heartbeat: float | None,
    dead_after: float | None,
) -> None:
    """Start a node, which runs tasks.

    It serves a cluster (--cluster or --manager), or listens for clients by itself (--port).

    Stop it with Ctrl-C or SIGTERM. It then takes no new tasks, and waits up to 30 seconds for those that run. A second
    signal stops it at once.
    """
    if (manager is None) == (port is None):
        raise click.BadParameter(
            "give either the cluster to serve, or the --port on which to listen for clients", param_hint="--manager"
        )
    for directory in include:
        if not Path(directory).is_dir():
            raise bad_value("--include", "must be a directory", directory)
    from argon.node.node import Node

    log_to_stderr(verbosity.debug)
    with refused_as_usage():
        node = Node(
            manager,
            workers,
            max_requests,
            include=list(include),
            name=name,
            port=port,
            max_payload=max_payload,
            heartbeat=heartbeat,
            dead_after=dead_after,
            report_load=report_load,
            threads_per_worker=threads_per_worker,
        )
    node.start(on_ready=lambda: print(ready_line(node.name, node.workers, manager, node.address), flush=True))


def ready_line(name: str, workers: int, manager: str | None, address: str | None) -> str:
    """The line that a node prints when it is ready for tasks."""
    counted = f"{workers} worker{'s' if workers != 1 else ''}"
    if manager is None:
        return f"argon node {name} ready at {address}: {counted}"
    return f"argon node {name} ready: {counted}, cluster {manager}"
