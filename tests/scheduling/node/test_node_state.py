"""The state machine of a node: tasks come, and workers answer them. `check()` runs after every call.

What else a node does is in the files beside this one, one for each subject: `test_node_SUBJECT.py`.
"""

from __future__ import annotations

from weakref import ref

from argon.protocol.messages import Assign, Status
from argon.scheduling.effects import AssignWorker
from argon.scheduling.node.workers import PREFETCH_MAX
from tests.support.drivers import NodeDriver, quick_node, ready_node


def test_payload_of_an_answered_task_is_let_go_though_its_deadline_is_far() -> None:
    node = ready_node()
    payload = memoryview(b"large")
    held = ref(payload)
    node.say(Assign(1, 1, 2, 3600.0, 7, (payload,)))
    node.answer(node.all(AssignWorker)[0].worker, 1)
    node.effects.clear()
    del payload
    assert held() is None


def test_assigned_task_goes_to_a_free_worker_under_the_nodes_own_number() -> None:
    node = ready_node()
    message = Assign(500, 3, 1, 2.0, 7, b"work")
    node.say(message)
    (effect,) = node.all(AssignWorker)
    assert effect == AssignWorker(1, 1, 2.0, b"work", own_packet=True)
    assert message == Assign(500, 3, 1, 2.0, 7, b"work"), "what came in is not written into"


def test_answer_travels_under_the_clusters_number_and_attempt() -> None:
    node = ready_node()
    node.say(Assign(500, 3, 2, 0.0, 7, b"work"))
    node.answer(1, 1, run_s=0.5)
    outcome = node.answers()[500]
    assert (outcome.status, outcome.attempt, outcome.run_s, outcome.payload) == (Status.COMPLETED, 3, 0.5, b"done")


def test_tasks_beyond_the_workers_wait_and_whichever_frees_first_takes_the_next() -> None:
    node = ready_node(2)
    for id_ in (1, 2, 3):
        node.assign(id_)
    assert node.assigned(1) == [1]
    assert node.assigned(2) == [2]
    node.answer(2, 2, run_s=1.0)
    assert node.assigned(2) == [2, 3]


def test_waiting_tasks_go_by_priority_then_by_arrival() -> None:
    node = ready_node()
    for id_, priority in enumerate([2, 3, 0, 3, 0]):
        node.assign(id_, priority=priority)
    for _ in range(4):
        node.answer(1, node.assigned(1)[-1], run_s=1.0)
    assert node.assigned(1) == [1, 3, 5, 2, 4]


def test_very_short_tasks_are_prefetched_as_many_as_are_done_in_a_millisecond() -> None:
    node = quick_node()
    for id_ in range(30):
        node.assign(id_)
    assert len(node.assigned(1)) == 1 + 25, "twenty-five tasks of 40 µs are a millisecond"


def test_what_was_prefetched_is_still_counted_right_after_the_measurements_have_changed() -> None:
    node = quick_node()
    slot = node.state._workers.all()[0]
    next_id = 0
    for run_s in [0.00008] * 60 + [0.00002] * 100:
        while node.state._buffer.length < 4:
            node.assign(next_id)
            next_id += 1
        assert len(slot.tasks) <= PREFETCH_MAX
        node.answer(1, next(iter(slot.tasks)), run_s=run_s)
    assert 49 <= len(slot.tasks) <= 50, "a millisecond of tasks of 20 µs"


def test_task_that_is_not_known_to_be_short_goes_in_its_own_packet() -> None:
    node = quick_node(2)
    node.assign(1, kind=8)
    node.assign(2)
    unknown, short = node.all(AssignWorker)[-2:]
    assert (unknown.own_packet, short.own_packet) == (True, False)
    node.answer(unknown.worker, unknown.local_task_id, run_s=0.01)
    node.assign(3, kind=8)
    assert node.all(AssignWorker)[-1].own_packet, "it is known, and not short"


def test_long_unknown_and_large_tasks_are_not_prefetched() -> None:
    node = quick_node()
    node.assign(1)
    node.assign(2, kind=8)
    node.say(Assign(3, 1, 2, 0.0, 7, b"x" * (17 << 10)))
    assert len(node.assigned(1)) == 2


def test_answer_of_a_worker_that_is_gone_is_ignored() -> None:
    node = ready_node()
    node.assign(1)
    node.die(1)
    assert node.answer(1, 1) == []
    assert node.answers()[1].status == Status.FAILED


def test_answer_to_an_unknown_task_is_ignored() -> None:
    node = ready_node()
    assert node.answer(1, 77) == []


def test_next_deadline_without_anything_to_wait_for_is_none() -> None:
    assert NodeDriver(1, connect=False).state.next_deadline() is None
