"""`argon cluster`: the process that clients and nodes connect to.

In: where to listen and how long the queue may be. Out: one line on stdout when it listens. Blocks until it is told to
stop by a signal, and then drains.
"""

from __future__ import annotations

import click

from argon.cli.arguments import debug_option, parse_queue_target, refused_as_usage, whole_number, words
from argon.cli.failures import Verbosity
from argon.cli.logs import log_to_stderr
from argon.settings import DEFAULT_HOST, DEFAULT_PORT, QUEUE_LIMIT

EXAMPLE = "Example: argon cluster --port 8000 --queue-limit 256"


@click.command(epilog=EXAMPLE)
@click.option("--host", metavar="HOST", default=DEFAULT_HOST, help="The name or address to listen at.")
@click.option(
    "--port",
    metavar="PORT",
    type=whole_number("--port", 0, 65535),
    default=DEFAULT_PORT,
    help="The port to listen at; 0 lets the system choose, and the ready line says which.",
)
@click.option(
    "--queue-limit",
    metavar="N",
    type=whole_number("--queue-limit", 1, 10_000_000),
    default=QUEUE_LIMIT,
    help="How many tasks may wait for a worker; more are rejected.",
)
@click.option(
    "--queue-target-ms",
    metavar="MS",
    type=parse_queue_target,
    default="auto",
    shell_complete=words("auto", "off"),
    help="For how long the queue may stand before what would only wait is rejected: milliseconds, off for ever, or "
    "auto for twice what a task takes on average, 25 ms at least.",
)
@click.option(
    "--client-limit",
    metavar="N",
    type=whole_number("--client-limit", 1, 10_000_000),
    help="How many tasks one client may have here; without it, its share of what there is room for.",
)
@debug_option
@click.pass_obj
def command(
    verbosity: Verbosity,
    host: str,
    port: int,
    queue_limit: int,
    queue_target_ms: float | str,
    client_limit: int | None,
) -> None:
    """Start a cluster, to which clients and nodes connect.

    Stop it with Ctrl-C or SIGTERM: it finishes what it has, and answers everybody. A second signal stops it at once.
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
        )
    cluster.start(on_ready=lambda: print(f"argon cluster ready at {cluster.address}", flush=True))
