"""`argon node`: the process that runs tasks in its workers.

In: the cluster to join, or the port to listen at without one. Out: one line on stdout when it is registered (or
listens) and its workers are ready. Blocks until it is told to stop by a signal, and then drains.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from argon.cli.arguments import DebugOption, address_option, bad_value, refused_as_usage, whole_number
from argon.cli.logs import log_to_stderr
from argon.settings import MAX_WORKERS

EXAMPLE = """\b
Examples:
  argon node --manager localhost:8000 --workers 4 --include ./tasks
  argon node --port 8001
"""

ManagerOption = Annotated[
    str | None,
    typer.Option(
        "--manager",
        "--cluster",
        metavar="HOST:PORT",
        parser=address_option("--manager or --cluster"),
        help="The cluster to take tasks from.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        parser=whole_number("--workers", 1, MAX_WORKERS),
        help="How many tasks run at once, each in its own process; without it, one for each CPU.",
    ),
]
MaxRequestsOption = Annotated[
    int | None,
    typer.Option(
        "--max-requests",
        metavar="N",
        parser=whole_number("--max-requests", 1),
        help="Replace a worker's process after so many tasks.",
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="DIR", help="A directory to import tasks from. May be given several times."),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        parser=whole_number("--port", 0, 65535),
        help="Listen for clients at this port, instead of joining a cluster; 0 lets the system choose.",
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="What the cluster calls it; without it, the host's name and a number."),
]
LoadOption = Annotated[
    bool,
    typer.Option(
        "--report-load/--no-report-load",
        help="Tell the cluster how busy this machine is, so that it prefers others when this one has much else to do.",
    ),
]


def command(
    manager: ManagerOption = None,
    workers: WorkersOption = None,
    max_requests: MaxRequestsOption = None,
    include: IncludeOption = None,
    port: PortOption = None,
    name: NameOption = None,
    report_load: LoadOption = True,
    debug: DebugOption = False,
) -> None:
    """Start a node, which runs tasks.

    It takes them from a cluster (--manager, or --cluster), or listens alone for clients (--port).

    Stop it with Ctrl-C or SIGTERM: it finishes what it has, and leaves. A second signal stops it at once.
    """
    if (manager is None) == (port is None):
        raise typer.BadParameter(
            "give one: the cluster to join, or the --port to listen at alone", param_hint="--manager"
        )
    for directory in include or []:
        if not Path(directory).is_dir():
            raise bad_value("--include", "want a directory", directory)
    from argon.node.node import Node

    log_to_stderr(debug)
    with refused_as_usage():
        node = Node(
            manager, workers, max_requests, include=include or [], name=name, port=port, report_load=report_load
        )
    node.start(on_ready=lambda: print(ready_line(node.name, node.workers, manager, node.address), flush=True))


def ready_line(name: str, workers: int, manager: str | None, address: str | None) -> str:
    """What a node says when tasks may come."""
    counted = f"{workers} worker{'s' if workers != 1 else ''}"
    if manager is None:
        return f"argon node {name} ready at {address}: {counted}"
    return f"argon node {name} ready: {counted}, cluster {manager}"
