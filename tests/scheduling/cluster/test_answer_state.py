"""How tasks are answered: once, whatever room they were in, with what their clients may have when the event is over."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.diagnosis import Diagnosis
from argon.protocol.messages import Entered, Outcome, Reject, Status
from argon.scheduling.cluster.answer_state import AnswerState
from argon.scheduling.cluster.clients import Clients
from argon.scheduling.cluster.counters import TaskCounters
from argon.scheduling.cluster.decision_log import DecisionLog
from argon.scheduling.cluster.forecast import Rejection
from argon.scheduling.cluster.queue import TaskQueue
from argon.scheduling.cluster.task import Task, TaskState, admitted_task
from argon.scheduling.effects import ClusterEffect, Send
from argon.scheduling.transitions import InvalidTransition
from tests.support.drivers import detail, submit
from tests.support.records import forecast

CLIENT = 4


class Rooms:
    """A client with one task, in the queue or on a node, and what is answered."""

    def __init__(self, queued: bool = True) -> None:
        self.queue, self.clients, self.counters, self.log = TaskQueue(1.0), Clients(100), TaskCounters(), DecisionLog()
        self.answers = AnswerState(self.queue, self.clients, self.counters, self.log)
        self.clients.add(CLIENT, 10)
        self.counters.accepted = 1
        self.task = self.admit(queued)
        self.effects: list[ClusterEffect] = []

    def admit(self, queued: bool) -> Task:
        task = admitted_task(9, CLIENT, submit(1), 4, 100.0)
        session = self.clients.get(CLIENT)
        assert session is not None
        self.clients.begin(session, task)
        if queued:
            self.queue.push(task)
        else:
            task.move(TaskState.ASSIGNED)
        return task

    def answered(self) -> Outcome:
        (effect,) = self.effects
        assert isinstance(effect, Send)
        assert effect.peer == CLIENT
        assert isinstance(effect.message, Outcome)
        return effect.message


def test_task_that_waits_ends_as_not_run_and_leaves_the_queue() -> None:
    rooms = Rooms()
    rooms.answers.end_queued(rooms.task, Status.EXPIRED, Diagnosis("too late"), 103.0, rooms.effects)
    answer = rooms.answered()
    assert (answer.id, answer.status, answer.entered, answer.queued_s) == (1, Status.EXPIRED, Entered.NO, 3.0)
    assert detail(answer).reason == "too late"
    assert (len(rooms.queue), rooms.task.state, rooms.task.payload) == (0, TaskState.SETTLED, b"")
    assert rooms.counters.still_here() == 0


@pytest.mark.parametrize(("cancelling", "status"), [(False, Status.LOST), (True, Status.CANCELLED)])
def test_task_of_which_its_node_says_nothing_is_lost_unless_it_was_to_be_cancelled(
    cancelling: bool, status: int
) -> None:
    rooms = Rooms(queued=False)
    if cancelling:
        rooms.task.move(TaskState.CANCELLING)
    rooms.answers.end_lost(rooms.task, Diagnosis(node="a"), 103.0, rooms.effects)
    assert (rooms.answered().status, rooms.answered().entered) == (status, Entered.UNKNOWN)


def test_task_is_answered_once() -> None:
    rooms = Rooms()
    rooms.answers.end_queued(rooms.task, Status.EXPIRED, Diagnosis(), 103.0, rooms.effects)
    with pytest.raises(InvalidTransition, match="task 9 is SETTLED"):
        rooms.answers.end_lost(rooms.task, Diagnosis(), 103.0, rooms.effects)
    assert rooms.answered()


def test_task_that_may_have_run_before_is_not_said_to_have_not_run() -> None:
    rooms = Rooms()
    rooms.task.losses = 1
    rooms.answers.end_queued(rooms.task, Status.CANCELLED, Diagnosis(), 103.0, rooms.effects)
    assert rooms.answered().entered == Entered.UNKNOWN


def test_task_whose_client_is_gone_ends_without_an_answer() -> None:
    rooms = Rooms()
    rooms.answers.end_unanswered(rooms.task)
    assert (rooms.task.state, len(rooms.queue), rooms.counters.still_here()) == (TaskState.SETTLED, 0, 0)
    assert rooms.answers.is_empty()


def test_answers_and_rejections_get_their_credits_when_the_event_is_over() -> None:
    rooms = Rooms()
    session = rooms.clients.get(CLIENT)
    assert session is not None
    rejection = Rejection(CLIENT, 2, RejectReason.NO_NODES, 0.5, forecast())
    rooms.answers.end_queued(rooms.task, Status.EXPIRED, Diagnosis(), 103.0, rooms.effects)
    rooms.answers.reject(session, rejection, rooms.effects)
    outcome, reject = [effect.message for effect in rooms.effects if isinstance(effect, Send)]
    assert isinstance(reject, Reject)
    assert (reject.id, reject.reason, reject.retry_after_s) == (2, RejectReason.NO_NODES, 0.5)
    rooms.answers.add_credits(budget=6)
    assert isinstance(outcome, Outcome)
    assert (outcome.credits, reject.credits) == (6, 6)
    assert rooms.answers.is_empty()
    assert rooms.log.rejections(CLIENT, 2) == [rejection]
