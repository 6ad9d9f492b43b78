"""Tasks that are to end before they are done: those that overrun, and those that are cancelled."""

from __future__ import annotations

import pytest

from argon.protocol.messages import Cancel, Capacity, Entered, Status
from argon.scheduling.effects import Kill, Recall, Spawn
from argon.scheduling.node.node_state import RETURN_UNSTARTED_AFTER_S
from argon.scheduling.node.worker_slot import Recalled
from tests.support.drivers import quick_node, ready_node


def test_task_that_overruns_is_recalled_then_killed_and_answered_as_expired() -> None:
    node = ready_node(kill_after_s=5.0)
    node.assign(1, timeout_s=2.0)
    assert Recall(1) not in node.wait(1.9)
    assert Recall(1) in node.wait(0.2)
    assert not node.answers()
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)]
    outcome = node.answers()[1]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.YES)
    assert node.said(Capacity)[-1] == Capacity(0)
    node.die(1, signal=15)
    assert len(node.answers()) == 1
    assert node.all(Spawn)[-1] == Spawn(2)


@pytest.mark.parametrize("kill_after_s", [1.0, 5.0])
def test_worker_that_ignores_the_signal_is_killed_by_force_after_kill_after(kill_after_s: float) -> None:
    node = ready_node(kill_after_s=kill_after_s)
    node.assign(1, timeout_s=2.0)
    node.wait(2.0)
    node.recalled(1)
    assert Kill(1, True) not in node.wait(kill_after_s - 0.1)
    assert Kill(1, True) in node.wait(0.2)
    assert len(node.all(Kill)) == 2


def test_task_that_expires_in_the_buffer_never_starts() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2, timeout_s=0.5 * RETURN_UNSTARTED_AFTER_S)
    node.wait(0.6 * RETURN_UNSTARTED_AFTER_S)
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.EXPIRED, Entered.NO)
    node.answer(1, 1)
    assert node.assigned(1) == [1]


def test_task_that_finished_before_the_recall_has_finished() -> None:
    node = ready_node()
    node.assign(1, timeout_s=1.0)
    node.wait(1.1)
    node.recalled(1, finished=[1])
    assert node.answers()[1].status == Status.COMPLETED
    assert not node.all(Kill)
    node.assign(2)
    assert node.assigned(1) == [1, 2], "the worker goes on"


def test_task_that_had_not_started_is_ended_without_killing_anybody() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.say(Cancel(2))
    node.recalled(1, unstarted=[3, 4])
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)
    assert not node.all(Kill)
    node.answer(1, 2)
    assert node.assigned(1)[-1] == 4


def test_cancel_of_a_running_task_kills_its_worker_after_the_others_were_recalled() -> None:
    node = quick_node()
    for id_ in (1, 2, 3):
        node.assign(id_)
    node.say(Cancel(1))
    assert node.all(Recall) == [Recall(1)]
    node.recalled(1, unstarted=[3, 4])
    assert node.all(Kill) == [Kill(1, False)]
    assert node.answers()[1].status == Status.CANCELLED
    node.die(1, signal=15)
    node.ready(2)
    assert node.assigned(2)[0] == 3, "the innocent run elsewhere"
    node.answer(2, 3)
    node.answer(2, 4)
    assert {id_: answer.status for id_, answer in node.answers().items() if id_ in (2, 3)} == {2: 0, 3: 0}


def test_worker_that_is_to_be_killed_prefetches_nothing() -> None:
    node = quick_node()
    node.assign(1)
    node.say(Cancel(1))
    node.assign(2)
    assert node.assigned(1) == [1, 2]


def test_task_to_end_that_was_started_is_killed_although_the_answer_before_it_was_not_read_yet() -> None:
    node = quick_node()
    node.assign(1)
    node.assign(2)
    first = node.assigned(1)[-2]
    node.say(Cancel(2))
    node.recalled(1)
    assert node.all(Kill) == [Kill(1, False)], "it was started, so the one before it is done"
    node.answer(1, first)
    assert node.answers()[1].status == Status.COMPLETED
    assert node.answers()[2].status == Status.CANCELLED


def test_task_to_end_that_was_claimed_and_not_entered_is_answered_when_it_is_certain_that_it_never_ran() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    node.did(node.state.worker_recalled(Recalled(1, [], [], 0), node.now))
    assert node.all(Kill) == [Kill(1, False)]
    assert not node.answers()
    node.die(1, signal=15, entered=0)
    assert (node.answers()[1].status, node.answers()[1].entered) == (Status.CANCELLED, Entered.NO)


def test_cancel_of_a_waiting_task_answers_at_once() -> None:
    node = ready_node()
    node.assign(1)
    node.assign(2)
    node.say(Cancel(2))
    outcome = node.answers()[2]
    assert (outcome.status, outcome.entered) == (Status.CANCELLED, Entered.NO)


def test_cancel_of_an_unknown_task_or_one_that_is_ending_is_ignored() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    assert node.say(Cancel(1), Cancel(99)) == []


def test_worker_that_dies_while_it_is_recalled_ends_the_task_as_it_was_to_end() -> None:
    node = ready_node()
    node.assign(1)
    node.say(Cancel(1))
    node.die(1)
    assert node.answers()[1].status == Status.CANCELLED
    assert node.recalled(1) == []


def test_leftovers_of_tasks_ended_in_the_buffer_are_swept() -> None:
    node = ready_node()
    node.assign(0)
    node.assign(1, priority=0)
    for id_ in range(2, 2000):
        node.assign(id_, priority=4, timeout_s=100.0)
        node.say(Cancel(id_))
    assert len(node.state._buffer._heap) < 200
    assert len(node.state._deadlines) < 200
