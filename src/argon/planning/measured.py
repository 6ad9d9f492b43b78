"""A running cluster as a fleet to plan with.

In: what `Client.status()` returns. Out: a plan for each node, and the mean service time. A cluster reports of each node
only the mean run time of all its tasks together. So speeds are relative to the fleet's mean, which is wrong where nodes
run different functions, and how service times are spread must be assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argon.planning.node_plan import NodePlan


def measured_fleet(numbers: Mapping[str, Any]) -> tuple[list[NodePlan], float]:
    """The nodes of a cluster that has run tasks, and their mean service time at speed 1, in seconds.

    Raises:
        ValueError: none of its nodes has completed a task.
    """
    nodes = [node for node in numbers["nodes"] if node["workers"] and not node["draining"]]
    known = [node for node in nodes if node["mean_run_s"] > 0]
    if not known:
        raise ValueError("no node of that cluster has completed a task yet, so there is nothing to plan with")
    # What a worker does in a second, averaged over the workers whose times are known, is what speed 1 does.
    per_s = sum(node["workers"] / node["mean_run_s"] for node in known) / sum(node["workers"] for node in known)
    speeds = [1 / (node["mean_run_s"] * per_s) if node["mean_run_s"] > 0 else 1.0 for node in nodes]
    return [NodePlan(node["workers"], speed) for node, speed in zip(nodes, speeds, strict=True)], 1 / per_s
