"""A cluster that chooses nodes by another rule: `python -m benchmarks.routed_cluster RULE`.

In: the name of a rule. Out: one line when it listens; then it is a cluster like any other. The rule is a `Router` of
`argon.planning.rules`; "argon" is the cluster's own.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module

from argon import Cluster
from argon.scheduling.router import Router

OWN = "argon"
RULES_MODULE = "argon.planning.rules"


def rules() -> dict[str, type[Router]]:
    """Every rule that there is, by its name."""
    found: dict[str, type[Router]] = {OWN: Router}
    try:
        module = import_module(RULES_MODULE)
    except ModuleNotFoundError:
        return found
    kinds = inspect.getmembers(module, inspect.isclass)
    return found | {name: kind for name, kind in kinds if issubclass(kind, Router) and kind.__module__ == RULES_MODULE}


def routed_cluster(rule: str) -> Cluster:
    """A cluster that does not listen yet, and chooses by this rule."""
    cluster = Cluster(port=0)
    if rule != OWN:
        state = cluster._shell.state
        state._router = rules()[rule](state._fleet)
    return cluster


def main(rule: str) -> None:
    cluster = routed_cluster(rule)
    cluster.start(on_ready=lambda: print(f"cluster ready at {cluster.address}", flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
