"""`argon cluster`: the process that clients and nodes connect to.

In: where to listen and the limits of the queue. Out: one line on stdout when it listens. Blocks until a signal asks it
to stop, and then drains.
"""

from __future__ import annotations

import click

from argon.cli.arguments import (
    dead_after_option,
    heartbeat_option,
    parse_queue_target,
    refused_as_usage,
    server_debug_option,
    whole_number,
    words,
)
from argon.cli.failures import Verbosity
from argon.cli.logs import log_to_stderr
from argon.settings import DEAD_AFTER_S, DEFAULT_HOST, DEFAULT_PORT, HEARTBEAT_S, QUEUE_LIMIT

EXAMPLE = "Example: argon cluster --port 8000 --queue-limit 256"


@click.command(epilog=EXAMPLE)
@click.option(
    "--host",
    metavar="HOST",
    default=DEFAULT_HOST,
    help="Name or address to listen on. Only this machine's loopback addresses are allowed.",
)
@click.option(
    "--port",
    metavar="PORT",
    type=whole_number("--port", 0, 65535),
    default=DEFAULT_PORT,
    help="Port to listen on. 0 lets the system choose; the ready line has its number.",
)
@click.option(
    "--queue-limit",
    metavar="N",
    type=whole_number("--queue-limit", 1, 10_000_000),
    default=QUEUE_LIMIT,
    help="How many tasks may wait in the queue. More are rejected.",
)
@click.option(
    "--queue-target-ms",
    metavar="MS",
    type=parse_queue_target,
    default="auto",
    shell_complete=words("auto", "off"),
    help="How long tasks may wait in the queue before new ones are rejected, in milliseconds. auto: twice the mean run "
    "time, at least 25 ms. off: no limit.",
)
@click.option(
    "--client-limit",
    metavar="N",
    type=whole_number("--client-limit", 1, 10_000_000),
    help="How many tasks one client may have in the cluster. Without it, its fair share is the only limit.",
)
@heartbeat_option
@dead_after_option
@server_debug_option
@click.pass_obj
def command(
    verbosity: Verbosity,
    host: str,
    port: int,
    queue_limit: int,
    queue_target_ms: float | str,
    client_limit: int | None,
    heartbeat: float | None,
    dead_after: float | None,
) -> None:
    """Start a cluster, to which clients and nodes connect.

    Stop it with Ctrl-C or SIGTERM. It then admits no new tasks, and waits up to 30 seconds for those that it has. Every
    task is answered. A second signal stops it at once.
    """
    from argon.cluster.cluster import Cluster

    log_to_stderr(verbosity.debug)
    with refused_as_usage():
        cluster = Cluster(
            host=host,
            port=port,
            queue_limit=queue_limit,
            queue_target_ms=queue_target_ms,
            client_limit=client_limit,
            heartbeat=HEARTBEAT_S if heartbeat is None else heartbeat,
            dead_after=DEAD_AFTER_S if dead_after is None else dead_after,
        )
    cluster.start(on_ready=lambda: print(f"argon cluster ready at {cluster.address}", flush=True))
