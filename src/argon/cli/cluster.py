"""`argon cluster`: the process that clients and nodes connect to.

In: where to listen and how long the queue may be. Out: one line on stdout when it listens. Blocks until it is told to
stop by a signal, and then drains.
"""

from __future__ import annotations

from typing import Annotated

import typer

from argon.cli.arguments import DebugOption, refused_as_usage, whole_number
from argon.cli.logs import log_to_stderr
from argon.settings import DEFAULT_HOST, DEFAULT_PORT, QUEUE_LIMIT

EXAMPLE = "Example: argon cluster --port 8000 --queue-limit 256"

HostOption = Annotated[str, typer.Option("--host", metavar="HOST", help="The name or address to listen at.")]
PortOption = Annotated[
    int,
    typer.Option(
        "--port",
        metavar="PORT",
        parser=whole_number("--port", 0, 65535),
        help="The port to listen at; 0 lets the system choose, and the ready line says which.",
    ),
]
QueueLimitOption = Annotated[
    int,
    typer.Option(
        "--queue-limit",
        metavar="N",
        parser=whole_number("--queue-limit", 1, 10_000_000),
        help="How many tasks may wait for a worker; more are rejected.",
    ),
]


def command(
    host: HostOption = DEFAULT_HOST,
    port: PortOption = DEFAULT_PORT,
    queue_limit: QueueLimitOption = QUEUE_LIMIT,
    debug: DebugOption = False,
) -> None:
    """Start a cluster, to which clients and nodes connect.

    Stop it with Ctrl-C or SIGTERM: it finishes what it has, and answers everybody. A second signal stops it at once.
    """
    from argon.roles.cluster import Cluster

    log_to_stderr(debug)
    with refused_as_usage():
        cluster = Cluster(host=host, port=port, queue_limit=queue_limit)
    cluster.start(on_ready=lambda: print(f"argon cluster ready at {cluster.address}", flush=True))
