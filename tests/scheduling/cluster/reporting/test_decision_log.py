"""What is kept of the tasks of late: a bounded number of records, no payloads, and a count of every decision."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Entered, Status
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.reporting.decision_log import (
    ORDINARY_KEPT,
    REJECTIONS_KEPT,
    REMARKABLE_KEPT,
    REMARKABLE_S,
    RETURNS_KEPT,
    Journal,
    Rejection,
)
from argon.scheduling.cluster.router import Route
from argon.scheduling.cluster.task import Attempt, Choice, Task, admitted_task
from tests.support.drivers import runs_of, submit

SESSION = 3


def task(number: int, id_: int | None = None) -> Task:
    return admitted_task(number if id_ is None else id_, SESSION, submit(number), 4, 0.0)


def rejection(number: int, reason: RejectReason = RejectReason.QUEUE_FULL) -> Rejection:
    return Rejection(SESSION, number, reason, 0.5, 4, 0.0, 0.0, 0.0, 0.1, 1, 4, 0.1, 1, 1, 1, 1)


def end(journal: Journal, ended: Task, status: int = Status.COMPLETED, run_s: float = 0.001) -> None:
    journal.end(ended, status, Entered.YES, run_s, 1.0)


def test_ended_task_is_found_by_its_clients_session_and_number() -> None:
    journal, one, two = Journal(), task(1), task(2)
    end(journal, one)
    end(journal, two)
    assert journal.task(SESSION, 1) is one
    assert journal.task(SESSION, 2) is two
    assert journal.task(SESSION, 3) is None
    assert journal.task(SESSION + 1, 1) is None


def test_ordinary_tasks_are_forgotten_after_so_many_others() -> None:
    journal = Journal()
    for number in range(1, ORDINARY_KEPT + 2):
        end(journal, task(number))
    assert journal.task(SESSION, 1) is None
    assert journal.task(SESSION, 2) is not None


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.CANCELLED, Status.LOST])
def test_task_that_did_not_complete_outlives_any_number_of_ordinary_ones(status: int) -> None:
    journal = Journal()
    end(journal, task(1), status)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(journal, task(number))
    assert journal.task(SESSION, 1) is not None


@pytest.mark.parametrize(("wait_s", "run_s"), [(REMARKABLE_S, 0.0), (0.0, REMARKABLE_S)])
def test_task_that_took_long_outlives_ordinary_ones(wait_s: float, run_s: float) -> None:
    journal, slow = Journal(), task(1)
    slow.wait_s = wait_s
    end(journal, slow, run_s=run_s)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(journal, task(number))
    assert journal.task(SESSION, 1) is slow


def test_task_that_came_back_outlives_ordinary_ones() -> None:
    journal, returned, node = Journal(), task(1), NodeSession(5, "node", 1, workers=1)
    journal.send(returned, Route(node, Choice.FREE, 1), None)
    journal.give_back(returned, "again")
    end(journal, returned)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(journal, task(number))
    assert journal.task(SESSION, 1) is returned


def test_remarkable_tasks_are_bounded_too() -> None:
    journal = Journal()
    for number in range(1, REMARKABLE_KEPT + 2):
        end(journal, task(number), Status.LOST)
    assert journal.task(SESSION, 1) is None
    assert journal.task(SESSION, 2) is not None


def test_of_two_tasks_of_one_number_the_last_admitted_is_found() -> None:
    journal, first, again = Journal(), task(1, id_=10), task(1, id_=11)
    end(journal, again)
    end(journal, first, Status.LOST)
    assert journal.task(SESSION, 1) is again


def test_task_whose_client_has_left_is_kept_once_and_its_end_is_still_noted() -> None:
    journal, left = Journal(), task(1)
    journal.leave(left)
    left.client = None
    end(journal, left, Status.CANCELLED)
    assert journal.task(SESSION, 1) is left
    assert left.status == Status.CANCELLED
    assert journal._remarkable.tasks.count(left) == 1


def test_rejections_of_a_task_are_found_oldest_first_and_bounded() -> None:
    journal = Journal()
    journal.refuse(rejection(1))
    for number in range(2, REJECTIONS_KEPT + 1):
        journal.refuse(rejection(number))
    journal.refuse(rejection(2, RejectReason.DEADLINE))
    assert journal.rejections(SESSION, 1) == []
    assert [found.reason for found in journal.rejections(SESSION, 2)] == [
        RejectReason.QUEUE_FULL,
        RejectReason.DEADLINE,
    ]
    assert journal.rejections(SESSION + 1, 2) == []


def test_every_reason_of_a_rejection_has_its_count() -> None:
    journal = Journal()
    for number, reason in enumerate(RejectReason):
        for _ in range(number + 1):
            journal.refuse(rejection(1, reason))
    assert journal.decisions.refused() == {reason.name: number + 1 for number, reason in enumerate(RejectReason)}


def test_returns_of_a_task_are_bounded_and_the_last_are_kept() -> None:
    journal, returned, node = Journal(), task(1), NodeSession(5, "node", 1, workers=1)
    for number in range(RETURNS_KEPT + 3):
        journal.send(returned, Route(node, Choice.FREE, number), None)
        journal.give_back(returned, "again")
    assert returned.sent is None
    assert returned.returned is not None
    assert [attempt.free_nodes for attempt in returned.returned] == [*range(3, RETURNS_KEPT + 3)]


def test_attempt_has_the_numbers_of_the_route() -> None:
    journal, chosen, other, sent = Journal(), NodeSession(5, "node", 1, 1), NodeSession(6, "other", 1, 1), task(1)
    journal.send(sent, Route(chosen, Choice.FREE, 2, other, 0.75), 0.5)
    attempt = Attempt("node", Choice.FREE, 2, 0.5, False, 0.0, "other", 0.75)
    assert sent.sent == attempt


def test_attempt_by_a_node_without_a_free_worker_waits_behind_its_work() -> None:
    journal, node, sent = Journal(), NodeSession(5, "node", 1, workers=2), task(3)
    for number in (1, 2):
        node.assign(task(number), 0.5)
    journal.send(sent, Route(node, Choice.PREFETCHED, 0), 0.25)
    assert sent.sent == Attempt("node", Choice.PREFETCHED, 0, 0.25, False, 0.5, "", 0.0)


@pytest.mark.parametrize(
    ("measured", "known_s", "expected_s"), [(True, 0.5, 0.5), (False, 0.7, 0.7), (False, None, -1)]
)
def test_kind_without_a_time_of_this_node_is_counted(measured: bool, known_s: float | None, expected_s: float) -> None:
    journal, node, sent = Journal(), NodeSession(5, "node", 1, workers=1), task(1)
    if measured:
        node.times.service.add(sent.kind, runs_of(0.5), 0.0)
    journal.send(sent, Route(node, Choice.FREE, 1), known_s)
    assert sent.sent is not None
    assert (sent.sent.expected_s, sent.sent.measured) == (expected_s, measured)
    assert journal.decisions.numbers()["kind_unmeasured_there"] == (not measured)


def test_every_choice_has_its_count() -> None:
    journal, node = Journal(), NodeSession(5, "node", 1, workers=1)
    for choice in (Choice.FREE, Choice.PREFETCHED, Choice.KEY, Choice.SPILLED, Choice.FASTER):
        for _ in range(choice + 1):
            journal.send(task(1), Route(node, choice, 1), 0.1)
    assert [*journal.decisions.numbers().values()] == [1, 2, 3, 4, 5, 15]
