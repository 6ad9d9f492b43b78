"""What is kept of the tasks of late: a bounded number of records, no payloads, and a count of every decision."""

from __future__ import annotations

import pytest

from argon.errors import RejectReason
from argon.protocol.messages import Entered, Status
from argon.scheduling.cluster.decision_log import (
    ORDINARY_KEPT,
    REJECTIONS_KEPT,
    REMARKABLE_KEPT,
    REMARKABLE_S,
    RETURNS_KEPT,
    DecisionLog,
    Rejection,
)
from argon.scheduling.cluster.node_session import NodeSession
from argon.scheduling.cluster.route import Choice, Route
from argon.scheduling.cluster.task import Task, admitted_task
from argon.scheduling.cluster.task_history import Attempt
from tests.support.drivers import runs_of, submit
from tests.support.records import forecast

SESSION = 3


def task(number: int, id_: int | None = None) -> Task:
    return admitted_task(number if id_ is None else id_, SESSION, submit(number), 4, 0.0)


def rejection(number: int, reason: RejectReason = RejectReason.QUEUE_FULL) -> Rejection:
    return Rejection(SESSION, number, reason, 0.5, forecast())


def end(decision_log: DecisionLog, ended: Task, status: int = Status.COMPLETED, run_s: float = 0.001) -> None:
    decision_log.end(ended, status, Entered.YES, run_s, 1.0)


def test_ended_task_is_found_by_its_clients_session_and_number() -> None:
    decision_log, one, two = DecisionLog(), task(1), task(2)
    end(decision_log, one)
    end(decision_log, two)
    assert decision_log.task(SESSION, 1) is one
    assert decision_log.task(SESSION, 2) is two
    assert decision_log.task(SESSION, 3) is None
    assert decision_log.task(SESSION + 1, 1) is None


def test_ordinary_tasks_are_forgotten_after_so_many_others() -> None:
    decision_log = DecisionLog()
    for number in range(1, ORDINARY_KEPT + 2):
        end(decision_log, task(number))
    assert decision_log.task(SESSION, 1) is None
    assert decision_log.task(SESSION, 2) is not None


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.CANCELLED, Status.LOST])
def test_task_that_did_not_complete_outlives_any_number_of_ordinary_ones(status: int) -> None:
    decision_log = DecisionLog()
    end(decision_log, task(1), status)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(decision_log, task(number))
    assert decision_log.task(SESSION, 1) is not None


@pytest.mark.parametrize(("wait_s", "run_s"), [(REMARKABLE_S, 0.0), (0.0, REMARKABLE_S)])
def test_task_that_took_long_outlives_ordinary_ones(wait_s: float, run_s: float) -> None:
    decision_log, slow = DecisionLog(), task(1)
    slow.wait_s = wait_s
    end(decision_log, slow, run_s=run_s)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(decision_log, task(number))
    assert decision_log.task(SESSION, 1) is slow


def test_task_that_came_back_outlives_ordinary_ones() -> None:
    decision_log, returned, node = DecisionLog(), task(1), NodeSession(5, "node", 1, workers=1)
    decision_log.assign(returned, Route(node, Choice.FREE, 1), None)
    decision_log.give_back(returned, "again")
    end(decision_log, returned)
    for number in range(2, 3 * ORDINARY_KEPT):
        end(decision_log, task(number))
    assert decision_log.task(SESSION, 1) is returned


def test_remarkable_tasks_are_bounded_too() -> None:
    decision_log = DecisionLog()
    for number in range(1, REMARKABLE_KEPT + 2):
        end(decision_log, task(number), Status.LOST)
    assert decision_log.task(SESSION, 1) is None
    assert decision_log.task(SESSION, 2) is not None


def test_of_two_tasks_of_one_number_the_last_admitted_is_found() -> None:
    decision_log, first, again = DecisionLog(), task(1, id_=10), task(1, id_=11)
    end(decision_log, again)
    end(decision_log, first, Status.LOST)
    assert decision_log.task(SESSION, 1) is again


def test_task_whose_client_has_left_is_kept_once_and_its_end_is_still_noted() -> None:
    decision_log, left = DecisionLog(), task(1)
    decision_log.leave(left)
    left.client = None
    end(decision_log, left, Status.CANCELLED)
    assert decision_log.task(SESSION, 1) is left
    assert left.history.status == Status.CANCELLED
    assert decision_log._remarkable.tasks.count(left) == 1


def test_rejections_of_a_task_are_found_oldest_first_and_bounded() -> None:
    decision_log = DecisionLog()
    decision_log.reject(rejection(1))
    for number in range(2, REJECTIONS_KEPT + 1):
        decision_log.reject(rejection(number))
    decision_log.reject(rejection(2, RejectReason.DEADLINE))
    assert decision_log.rejections(SESSION, 1) == []
    assert [found.reason for found in decision_log.rejections(SESSION, 2)] == [
        RejectReason.QUEUE_FULL,
        RejectReason.DEADLINE,
    ]
    assert decision_log.rejections(SESSION + 1, 2) == []


def test_every_reason_of_a_rejection_has_its_count() -> None:
    decision_log = DecisionLog()
    for number, reason in enumerate(RejectReason):
        for _ in range(number + 1):
            decision_log.reject(rejection(1, reason))
    assert decision_log.decisions.rejected() == {reason.name: number + 1 for number, reason in enumerate(RejectReason)}


def test_returns_of_a_task_are_bounded_and_the_last_are_kept() -> None:
    decision_log, returned, node = DecisionLog(), task(1), NodeSession(5, "node", 1, workers=1)
    for number in range(RETURNS_KEPT + 3):
        decision_log.assign(returned, Route(node, Choice.FREE, number), None)
        decision_log.give_back(returned, "again")
    assert returned.history.attempt() is None
    assert returned.history.returned is not None
    assert [attempt.free_nodes for attempt in returned.history.returned] == [*range(3, RETURNS_KEPT + 3)]


def attempt_by(route: Route, known_s: float | None = None) -> Attempt:
    """What is noted of a task that goes by this route."""
    assigned = task(3)
    DecisionLog().assign(assigned, route, known_s)
    attempt = assigned.history.attempt()
    assert attempt is not None
    return attempt


def test_attempt_has_the_numbers_of_the_route() -> None:
    chosen, other = NodeSession(5, "node", 1, 1), NodeSession(6, "other", 1, 1)
    assert attempt_by(Route(chosen, Choice.FREE, 2, other, 0.75), 0.5) == Attempt(
        node="node",
        choice=Choice.FREE,
        free_nodes=2,
        predicted_run_s=0.5,
        measured_there=False,
        predicted_wait_s=0.0,
        next_node="other",
        next_predicted_s=0.75,
    )
    alone = attempt_by(Route(chosen, Choice.FREE, 1))
    assert (alone.next_node, alone.next_predicted_s) == (None, None)


def test_attempt_by_a_node_without_a_free_worker_waits_behind_its_work() -> None:
    node = NodeSession(5, "node", 1, workers=2)
    for number in (1, 2):
        node.assign(task(number), 0.5)
    attempt = attempt_by(Route(node, Choice.PREFETCHED, 0), 0.25)
    assert (attempt.choice, attempt.predicted_wait_s, attempt.predicted_run_s) == (Choice.PREFETCHED, 0.5, 0.25)


@pytest.mark.parametrize(("measured", "known_s"), [(True, 0.5), (False, 0.7), (False, None)])
def test_kind_without_a_time_of_this_node_is_counted(measured: bool, known_s: float | None) -> None:
    decision_log, node, assigned = DecisionLog(), NodeSession(5, "node", 1, workers=1), task(1)
    if measured:
        node.times.service.add(assigned.kind, runs_of(0.5), 0.0)
    decision_log.assign(assigned, Route(node, Choice.FREE, 1), known_s)
    assert (assigned.history.predicted_run_s, assigned.history.measured_there) == (known_s, measured)
    assert decision_log.decisions.numbers()["kind_unmeasured_there"] == (not measured)


def test_every_choice_has_its_count() -> None:
    decision_log, node = DecisionLog(), NodeSession(5, "node", 1, workers=1)
    for choice in (Choice.FREE, Choice.PREFETCHED, Choice.KEY, Choice.SPILLED, Choice.FASTER):
        for _ in range(choice + 1):
            decision_log.assign(task(1), Route(node, choice, 1), 0.1)
    assert [*decision_log.decisions.numbers().values()] == [1, 2, 3, 4, 5, 15]
