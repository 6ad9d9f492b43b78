"""A process full of useless connections, and of peers that come back."""

from __future__ import annotations

import time

from argon.net.security import parse_token
from argon.protocol.codec import OUTCOME
from argon.protocol.handshake import Role
from argon.scheduling.cluster.reporting.snapshot import ClusterSnapshot
from benchmarks.crowd import CrowdPlan, crowd
from benchmarks.frames import Shape
from benchmarks.wire import Wires
from tests.support.in_process import TOKEN, cut, make_cluster, serving


def test_crowd_is_there_comes_back_when_it_is_cut_off_and_is_gone_with_its_process() -> None:
    plan_size = {"nodes": 3, "clients": 2, "silent": 2, "slow": 1, "deaf": 1}

    def observed(address: str, what: str, clients: int, nodes: int) -> None:
        def there(status: ClusterSnapshot) -> bool:
            time.sleep(0.01)
            return (status.clients, len(status.nodes), status.workers) == (clients, nodes, nodes)

        with Wires(address, parse_token(TOKEN, ""), Role.CLIENT, 1, Shape(OUTCOME, 0)) as observer:
            observer.await_status(what, there)

    with serving(make_cluster(host="127.0.0.1")) as cluster:
        with crowd(CrowdPlan(address=cluster.address, **plan_size), TOKEN):
            observed(cluster.address, "joined", clients=1 + 4, nodes=3)
            cut(cluster)
            observed(cluster.address, "joined again", clients=1 + 4, nodes=3)
        observed(cluster.address, "left", clients=1, nodes=0)
