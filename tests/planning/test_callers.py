"""A virtual client: production's decisions, and callers who get their answers."""

from __future__ import annotations

from random import Random

from argon.errors import RejectReason
from argon.planning.agenda import Agenda
from argon.planning.callers import VirtualClient
from argon.planning.course import Course
from argon.protocol.messages import Message, Outcome, Reject, Status, Submit, Welcome
from argon.scheduling.task_options import TaskOptions
from argon.settings import DEAD_AFTER_S, HEARTBEAT_S, MAX_PAYLOAD_BYTES

PEER = 7


class Desk:
    """One client, and the tasks that it has sent."""

    def __init__(self, tasks: int, credits: int = 100) -> None:
        self.agenda = Agenda()
        self.course = Course(tasks)
        self.sent: list[Submit] = []
        self.client = VirtualClient(PEER, course=self.course, agenda=self.agenda, rng=Random(1), send=self.note)
        self.client.start(Welcome(PEER, credits, MAX_PAYLOAD_BYTES, HEARTBEAT_S, DEAD_AFTER_S), 0.0)

    def note(self, peer: int, messages: list[Message]) -> None:
        assert peer == PEER
        self.sent += [message for message in messages if isinstance(message, Submit)]

    def answer(self, sent: Submit, status: int, credits: int = 100) -> None:
        rejected = Reject(sent.id, RejectReason.QUEUE_FULL, credits=credits)
        self.client.receive([rejected if status == Status.REJECTED else Outcome(sent.id, status, credits=credits)])


def test_task_travels_as_its_number_with_its_kind_and_options() -> None:
    desk = Desk(6)
    desk.client.submit(5, 3, TaskOptions(priority=1, timeout_s=2.0, key=9))
    (sent,) = desk.sent
    assert int.from_bytes(sent.payload, "little") == 5  # type: ignore[arg-type]
    assert (sent.kind, sent.priority, sent.timeout_s, sent.key) == (3, 1, 2.0, 9)


def test_answer_reaches_its_task_at_its_moment() -> None:
    desk = Desk(3)
    for task in (2, 1):
        desk.client.submit(task, 1, TaskOptions())
    desk.agenda.at(4.0, lambda: desk.answer(desk.sent[1], Status.COMPLETED))
    desk.agenda.run(lambda: desk.course.answered < 1)
    assert list(desk.course.status) == [-1, Status.COMPLETED, -1]
    assert desk.course.ended_s[1] == 4.0


def test_tasks_beyond_the_credits_wait_in_the_client() -> None:
    desk = Desk(5, credits=2)
    for task in range(5):
        desk.client.submit(task, 1, TaskOptions())
    assert len(desk.sent) == 2
    desk.answer(desk.sent[0], Status.COMPLETED, credits=2)
    assert len(desk.sent) == 3


def test_rejected_task_is_sent_again_later_and_after_its_retries_the_caller_is_answered() -> None:
    desk = Desk(1)
    desk.client.submit(0, 1, TaskOptions(retries=1))
    desk.answer(desk.sent[0], Status.REJECTED)
    assert len(desk.sent) == 1
    desk.agenda.run(lambda: len(desk.sent) < 2)
    assert desk.agenda.now > 0
    desk.answer(desk.sent[1], Status.REJECTED)
    assert list(desk.course.status) == [Status.REJECTED]
