"""`argon cluster`: the process that clients and nodes connect to.

In: where to listen and how long the queue may be. Out: one line on stdout when it listens. Blocks until it is told to
stop by a signal, and then drains.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from argon.cli.arguments import DebugOption, parse_queue_target, refused_as_usage, whole_number
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
QueueTargetOption = Annotated[
    Any,  # a number or a word
    typer.Option(
        "--queue-target-ms",
        metavar="MS",
        parser=parse_queue_target,
        help="For how long the queue may stand before what would only wait is rejected: milliseconds, off for ever, or "
        "auto for twice what a task takes on average, 25 ms at least.",
    ),
]
ClientLimitOption = Annotated[
    int | None,
    typer.Option(
        "--client-limit",
        metavar="N",
        parser=whole_number("--client-limit", 1, 10_000_000),
        help="How many tasks one client may have here; without it, its share of what there is room for.",
    ),
]


def command(
    host: HostOption = DEFAULT_HOST,
    port: PortOption = DEFAULT_PORT,
    queue_limit: QueueLimitOption = QUEUE_LIMIT,
    queue_target_ms: QueueTargetOption = "auto",
    client_limit: ClientLimitOption = None,
    debug: DebugOption = False,
) -> None:
    """Start a cluster, to which clients and nodes connect.

    Stop it with Ctrl-C or SIGTERM: it finishes what it has, and answers everybody. A second signal stops it at once.
    """
    from argon.cluster.cluster import Cluster

    log_to_stderr(debug)
    with refused_as_usage():
        cluster = Cluster(
            host=host,
            port=port,
            queue_limit=queue_limit,
            queue_target_ms=queue_target_ms,
            client_limit=client_limit,
        )
    cluster.start(on_ready=lambda: print(f"argon cluster ready at {cluster.address}", flush=True))
