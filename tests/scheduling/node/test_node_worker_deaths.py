"""Workers that die: what becomes of their tasks, and when another takes their place."""

from __future__ import annotations

from argon.protocol.messages import Capacity, Entered, FailureKind, Outcome, Status
from argon.scheduling.effects import Spawn
from tests.support.drivers import NodeDriver, detail, quick_node, ready_node


def test_worker_that_dies_fails_its_own_task_alone_and_is_replaced_at_once() -> None:
    node = ready_node(2)
    node.assign(1)
    node.assign(2)
    effects = node.die(1, signal=9)
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered, outcome.failure_kind) == (
        Status.FAILED,
        Entered.YES,
        FailureKind.WORKER_DIED,
    )
    about = detail(outcome)
    assert (about.signal, about.exit_code, about.node, about.reason) == (9, 0, "here", "it crashed")
    assert [effect for effect in effects if isinstance(effect, Spawn)] == [Spawn(3)]
    assert node.said(Capacity)[-1] == Capacity(1)
    node.ready(3)
    assert node.said(Capacity)[-1] == Capacity(2)
    node.answer(2, 2)
    assert node.answers()[2].status == Status.COMPLETED


def test_worker_that_dies_returns_what_it_never_started() -> None:
    node = quick_node(2)
    for id_ in range(24):
        node.assign(id_)
    first, *prefetched = [n for n in node.assigned(1) if n != 1]
    assert len(prefetched) >= 5
    node.die(1, unstarted=prefetched)
    assert [*node.answers()] == [1000, first - 2], "ids 0, 1, 2 … are the numbers 2, 3, 4 …"
    node.ready(3)
    assert set(prefetched) <= set(node.assigned(2) + node.assigned(3)) | {
        task.local_task_id for task in node.state._buffer.waiting()
    }


def test_worker_that_dies_before_it_is_ready_is_replaced_ever_more_slowly() -> None:
    node = NodeDriver(1)
    pauses = []
    for _ in range(20):
        worker, since = node.all(Spawn)[-1].worker, node.now
        node.die(worker, signal=0, exit_code=1)
        while node.all(Spawn)[-1].worker == worker:
            node.wait(0.05)
        pauses.append(node.now - since)
    assert pauses[0] == pauses[1] == 0.0
    assert 0.5 < pauses[8] <= pauses[-1] <= 5.1


def test_worker_that_dies_now_and_then_is_always_replaced_at_once() -> None:
    node = ready_node()
    for id_ in range(20):
        worker = node.all(Spawn)[-1].worker
        node.assign(2 * id_)
        node.answer(worker, node.assigned(worker)[-1])
        node.assign(2 * id_ + 1)
        node.die(worker)
        assert node.all(Spawn)[-1].worker == worker + 1, "its slot is back within a second"
        node.ready(worker + 1)


def test_worker_that_finished_before_it_died_has_finished() -> None:
    node = ready_node()
    node.assign(1)
    finished = [Outcome(1, Status.COMPLETED, Entered.YES, payload=b"done")]
    node.die(1, finished=finished, entered=0)
    assert node.answers()[1].status == Status.COMPLETED


def test_worker_that_ends_twice_or_is_unknown_is_ignored() -> None:
    node = ready_node()
    node.die(1)
    assert node.die(1) == []
    assert node.die(99) == []


def test_worker_that_dies_before_it_enters_its_task_says_that_it_did_not_run() -> None:
    node = ready_node()
    node.assign(1)
    node.die(1, entered=0)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.FAILED, Entered.NO)
