"""A cluster that chooses nodes by another rule: `python -m benchmarks.routed_cluster RULE`.

In: the name of a rule. Out: one line when it listens; then it is a cluster like any other. The rules are those of
`argon.planning.rules`, with which the simulator compares the cluster's own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from random import Random

from argon import Cluster
from argon.scheduling.cluster.cluster_state import ClusterState
from argon.scheduling.cluster.router import RoutingRule

OWN = "argon"
RULES_MODULE = "argon.planning.rules"


def rules() -> dict[str, Callable[[], RoutingRule | None]]:
    """What makes each rule that there is; the cluster's own is None."""
    own: dict[str, Callable[[], RoutingRule | None]] = {OWN: lambda: None}
    try:
        module = import_module(RULES_MODULE)
    except ModuleNotFoundError:
        return own
    return own | {
        "round robin": module.RoundRobin,
        "random": lambda: module.AnyNode(Random()),
        "two choices": lambda: module.TwoChoices(Random()),
        "least loaded": module.LeastLoaded,
        "original": module.Original,
    }


def routed_cluster(rule: str) -> Cluster:
    """A cluster that does not listen yet, and chooses by this rule."""
    cluster = Cluster(port=0)
    shell = cluster._shell
    shell.state = ClusterState(shell.state.settings, Random(), rules()[rule]())
    return cluster


def main(rule: str) -> None:
    cluster = routed_cluster(rule)
    cluster.start(on_ready=lambda: print(f"cluster ready at {cluster.address}", flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
