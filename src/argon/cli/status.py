"""`argon status`: the numbers of a cluster.

In: the address of a cluster, or of a node that listens alone. Out: a table for people, or JSON for programs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argon.cli.arguments import CLUSTER_DEFAULT, ClusterOption, DebugOption

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLE = "Example: argon status --cluster localhost:8000 --json"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def command(
    cluster: ClusterOption = CLUSTER_DEFAULT,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print the queue, the nodes and the counters."""
    from argon.client.client import Client

    with Client(cluster) as client:
        numbers = client.status()
    if json_output:
        print(json.dumps(numbers, indent=2), flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for part in tables(cluster, numbers):
        console.print(part)


def tables(address: str, numbers: dict[str, Any]) -> list[RenderableType]:
    """The numbers of what listens at the address, as a headline and tables."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    headline = Text(
        f"{numbers['role']} at {address}: {numbers['queue_length']} of {numbers['queue_limit']} places in the queue "
        f"taken, clients: {numbers['clients']}"
    )
    nodes = Table("node", box=box.SIMPLE_HEAD, title="nodes", title_justify="left")
    nodes.add_column("workers", justify="right")
    nodes.add_column("in flight", justify="right")
    nodes.add_column("pressure", justify="right")
    for node in numbers["nodes"]:
        pressure = f"{100 * node.get('pressure', 0.0):.0f}%"
        nodes.add_row(Text(str(node["name"])), str(node["workers"]), str(node["in_flight"]), pressure)
    if not numbers["nodes"]:
        nodes.add_row("none: start one with argon node --manager HOST:PORT", "", "", "")
    counters = Table("tasks", box=box.SIMPLE_HEAD, title="since the start", title_justify="left")
    counters.add_column("number", justify="right")
    for name, count in numbers["counters"].items():
        counters.add_row(Text(str(name)), f"{count:,}")
    decisions = Table("decisions", box=box.SIMPLE_HEAD, title="why tasks went where they did", title_justify="left")
    decisions.add_column("number", justify="right")
    rejections = {f"rejected {reason}": count for reason, count in numbers.get("rejections", {}).items() if count}
    for name, count in {**numbers.get("decisions", {}), **rejections}.items():
        decisions.add_row(Text(str(name)), f"{count:,}")
    return [headline, nodes, counters, decisions]
