"""Workers that have served `max_requests`: they retire, and others take their place."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Capacity
from argon.scheduling.effects import AssignWorker, Retire, Spawn
from tests.support.drivers import ready_node


@pytest.mark.parametrize("max_requests", [1, 3])
def test_worker_that_has_served_max_requests_retires_and_another_is_started(max_requests: int) -> None:
    node = ready_node(1, max_requests=max_requests)
    served = {1: 0, 2: 0}
    while not node.all(Retire):
        node.assign(sum(served.values()))
        effect = node.all(AssignWorker)[-1]
        node.answer(effect.worker, effect.local_task_id)
        served[effect.worker] += 1
    (retired,) = node.all(Retire)
    assert served[retired.worker] == max_requests
    assert max(served.values()) == max_requests
    assert [effect.worker for effect in node.all(Spawn)] == [1, 2, 3]


def test_recycling_leaves_no_gap_in_service() -> None:
    node = ready_node(2, max_requests=2)
    for id_ in range(40):
        node.assign(id_)
        effect = node.all(AssignWorker)[-1]
        assert effect.local_task_id == id_ + 1, "a worker is always there"
        node.answer(effect.worker, effect.local_task_id)
        for worker in [effect.worker for effect in node.all(Spawn)][-1:]:
            node.ready(worker)
        for effect in node.all(Retire):
            node.die(effect.worker, signal=0)
    assert len(node.all(Retire)) >= 15
    assert node.said(Capacity) == [Capacity(1), Capacity(2)]
    assert len(node.state._workers.all()) == 3


def test_worker_prefetches_no_more_than_it_may_serve() -> None:
    node = ready_node(1, max_requests=4)
    node.assign(0)
    node.answer(node.all(AssignWorker)[0].worker, 1, run_s=0.00001)
    for id_ in range(1, 20):
        node.assign(id_)
    for worker in (1, 2):
        assert len(node.assigned(worker)) <= 4


def test_without_max_requests_nobody_retires() -> None:
    node = ready_node()
    for id_ in range(200):
        node.assign(id_)
        node.answer(1, id_ + 1)
    assert not node.all(Retire)
