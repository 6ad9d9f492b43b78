"""Tasks that wait behind others: recalled for a free worker, or given back to the cluster."""

from __future__ import annotations

from argon.protocol.messages import Entered, Status
from argon.scheduling.effects import Recall
from argon.scheduling.node.node_state import RETURN_UNSTARTED_AFTER_S
from argon.scheduling.node.worker_slot import RECALL_AFTER_S
from tests.support.drivers import quick_node, ready_node


def test_silent_worker_is_relieved_of_what_it_has_not_started() -> None:
    node = quick_node(2)
    for id_ in range(20):
        node.assign(id_)
    slow, *prefetched = [n for n in node.assigned(1) if n != 1]
    assert Recall(1) in node.wait(RECALL_AFTER_S * 1.1)
    node.recalled(1, unstarted=prefetched)
    waiting = {task.local_task_id for task in node.state._buffer.waiting()}
    assert waiting, "the other worker is full for the moment"
    assert not waiting & set(node.assigned(1)) - set(prefetched)
    node.recalled(2)
    node.answer(2, *(n for n in node.assigned(2)))
    assert set(prefetched) & set(node.assigned(2)), "they run elsewhere"
    assert slow not in node.assigned(2)
    node.assign(100)
    assert node.assigned(1)[-1] in [slow, *prefetched], "and it gets nothing more ahead"


def test_silent_worker_with_a_single_task_is_left_alone() -> None:
    node = ready_node()
    node.assign(1)
    node.wait(10.0)
    assert not node.all(Recall)


def test_worker_that_speaks_is_not_silent() -> None:
    node = quick_node()
    for id_ in range(10):
        node.assign(id_)
    for local_task_id in node.assigned(1)[1:8]:
        node.wait(RECALL_AFTER_S * 0.8)
        node.answer(1, local_task_id)
    assert not node.all(Recall)


def test_free_worker_relieves_the_one_in_which_a_task_waits() -> None:
    node = quick_node(2, run_s=0.01)
    for id_ in range(4):
        node.assign(id_)
    first, second = node.assigned(1)[1:], node.assigned(2)
    assert (len(first), len(second)) == (2, 2), "each has prefetched one"
    node.answer(1, first[0], run_s=0.01)
    assert not node.all(Recall), "it has one more"
    effects = node.answer(1, first[1], run_s=0.01)
    assert effects[-1:] == [Recall(2)]
    node.recalled(2, unstarted=[second[1]])
    assert node.assigned(1)[-1] == second[1]


def test_free_worker_takes_what_waits_in_the_buffer_before_it_relieves_another() -> None:
    node = quick_node(2, run_s=0.01)
    for id_ in range(5):
        node.assign(id_)
    for local_task_id in node.assigned(1)[1:3]:
        node.answer(1, local_task_id, run_s=0.01)
    assert len(node.assigned(1)) == 1 + 3
    assert not node.all(Recall)


def test_what_no_worker_takes_for_a_while_goes_back_to_the_cluster_unstarted() -> None:
    node = quick_node(run_s=0.01)
    for id_ in (1, 2, 3):
        node.assign(id_)
    running, prefetched = node.assigned(1)[1:]
    node.wait(0.5 * RETURN_UNSTARTED_AFTER_S)
    assert node.answers() == {1000: node.answers()[1000]}
    assert Recall(1) in node.all(Recall)
    node.recalled(1, unstarted=[prefetched])
    node.wait(RETURN_UNSTARTED_AFTER_S)
    outcomes = node.answers()
    assert {id_: (o.status, o.entered) for id_, o in outcomes.items() if id_ != 1000} == {
        2: (Status.LOST, Entered.NO),
        3: (Status.LOST, Entered.NO),
    }
    node.answer(1, running)
    assert node.answers()[1].status == Status.COMPLETED


def test_nothing_goes_back_while_workers_take_what_waits() -> None:
    node = quick_node(run_s=0.02)
    for id_ in range(1, 8):
        node.assign(id_)
    for position in range(1, 6):
        node.wait(0.8 * RETURN_UNSTARTED_AFTER_S)
        node.recalled(1)
        node.answer(1, node.assigned(1)[position], run_s=0.02)
    assert all(outcome.status == Status.COMPLETED for outcome in node.answers().values())
