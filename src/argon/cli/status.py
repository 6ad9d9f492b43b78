"""`argon status`: the numbers of a cluster.

In: the address of a cluster, or of a node that listens alone. Out: a table for people, or JSON for programs.
"""

from __future__ import annotations

import json
from typing import Any

import click

from argon.cli.arguments import cluster_option, connect_timeout_option, debug_option, json_option

EXAMPLE = "Example: argon status --cluster localhost:8000 --json"


@click.command(epilog=EXAMPLE)
@cluster_option
@connect_timeout_option
@json_option
@debug_option
def command(cluster: str, connect_timeout: float | None, json_output: bool) -> None:
    """Print the queue, the nodes and the counters."""
    from argon.client.client import Client

    with Client(cluster, connect_timeout=connect_timeout) as client:
        numbers = client.status()
    if json_output:
        print(json.dumps(numbers, indent=2), flush=True)
    else:
        show(cluster, numbers)


def show(address: str, numbers: dict[str, Any]) -> None:
    """Prints the numbers of what listens at the address, as a headline and tables."""
    from argon.cli.terminal import say, show_table

    say(
        f"{numbers['role']} at {address}: {numbers['queue_length']} of {numbers['queue_limit']} places in the queue "
        f"are taken; clients: {numbers['clients']}"
    )
    nodes = [
        (str(node["name"]), str(node["workers"]), str(node["in_flight"]), f"{100 * node.get('pressure', 0.0):.0f}%")
        for node in numbers["nodes"]
    ]
    none = ("none: start one with argon node --cluster HOST:PORT", "", "", "")
    show_table(nodes or [none], title="nodes", header=("node", "workers", "in flight", "CPU pressure"))
    counters = [(str(name), f"{count:,}") for name, count in numbers["counters"].items()]
    show_table(counters, title="tasks since the start", header=("tasks", "number"))
    rejections = {f"rejected {reason}": count for reason, count in numbers.get("rejections", {}).items() if count}
    decisions = {**numbers.get("decisions", {}), **rejections}
    show_table(
        [(str(name), f"{count:,}") for name, count in decisions.items()],
        title="routing decisions and rejections",
        header=("decision", "number"),
    )
